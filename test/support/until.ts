/** Waiting for a condition, with a bound: the only way tests wait for something that tells nobody when it happens. */

/** Resolves when `holds` does; rejects after `ms` milliseconds, naming `what` it waited for. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const deadline = Date.now() + ms
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
