/** Many at once, but not all: as many as a server's backlog takes without dropping a SYN, which would cost its sender a second. */
const AT_ONCE = 64

/**
 * @param open is called with 0, 1, … `count` - 1
 * @param atOnce most calls that are under way at one time
 * @returns what they gave, in that order
 */
export async function crowd<T>(count: number, open: (index: number) => Promise<T>, atOnce = AT_ONCE): Promise<T[]> {
  const opened = new Array<T>(count)
  let next = 0
  const one = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) opened[index] = await open(index)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, one))
  return opened
}
