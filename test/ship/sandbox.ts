/**
 * A command as a container engine would run it: in a root file system of its own that cannot be written to and has nothing but the image's /app,
 * Node and the libraries that Node needs; as the image's user; as process 1. By namespaces of the kernel (unshare(1)), which root may make.
 * Who may not, gets the same command in the same folder as himself: ISOLATED says which of the two it is.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Mounts a root at $1 with /app from $2 and Node from $3, then is the rest of its arguments in there. Nothing of it outlives them. */
const SCRIPT = `
root=$1 app=$2 node=$3 uid=$4 gid=$5
shift 5
mount -t tmpfs none "$root"
cd "$root"
mkdir -p app proc usr/lib usr/local/bin
mount --bind "$app" app
mount -o remount,bind,ro app
for lib in usr/lib lib lib64; do
  [ -d "/$lib" ] || continue
  mkdir -p "$lib"
  mount --bind "/$lib" "$lib"
  mount -o remount,bind,ro "$lib"
done
: >usr/local/bin/node
mount --bind "$node" usr/local/bin/node
mount -o remount,bind,ro usr/local/bin/node
mount -o remount,ro "$root"
exec /usr/bin/unshare --pid --fork --mount-proc --root="$root" --wd=/app --setgid "$gid" --setuid "$uid" "$@"
`

const UNSHARE = ['/usr/bin/unshare', '--mount', '--propagation', 'private'] as const

/** Whether this process may make such a place. */
export const ISOLATED: boolean =
  process.getuid?.() === 0 &&
  spawnSync(UNSHARE[0], [...UNSHARE.slice(1), '--pid', '--fork', '/bin/sh', '-c', 'mount -t tmpfs none /mnt'])
    .status === 0

export interface Sandbox {
  /** An empty folder, and the one that is /app. */
  readonly root: string
  readonly app: string
  /** uid:gid */
  readonly user: string
}

/**
 * @param command its first word is found on the PATH in there, where only `node` is
 * @param env all of its environment
 */
export function start(
  sandbox: Sandbox,
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): ChildProcess {
  const stdio = ['ignore', 'pipe', 'pipe'] as const
  if (!ISOLATED) return spawn(process.execPath, command.slice(1), { cwd: sandbox.app, env, stdio: [...stdio] })
  const [uid, gid] = sandbox.user.split(':')
  const names = Object.entries({ PATH: '/usr/local/bin', ...env }).map(([name, value]) => `${name}=${value}`)
  const script = SCRIPT.replace('exec ', `exec /usr/bin/env -i ${names.map(quoted).join(' ')} `)
  const args = ['/bin/sh', '-ec', script, 'sh', sandbox.root, sandbox.app, process.execPath, uid!, gid!, ...command]
  return spawn(UNSHARE[0], [...UNSHARE.slice(1), ...args], { stdio: [...stdio] })
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`
}

/** The process itself, which signals are meant for: unshare(1) passes none on. */
export function pidOf(child: ChildProcess): number {
  if (!ISOLATED) return child.pid!
  return Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim())
}

/** At once. A process that has changed its user outlives unshare(1): its is undone by that (prctl(2), PR_SET_PDEATHSIG). */
export function end(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) return
  if (ISOLATED && isInside(child)) process.kill(pidOf(child), 'SIGKILL')
  else child.kill('SIGKILL')
}

function isInside(child: ChildProcess): boolean {
  return readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8') !== ''
}

/** A line of /proc/PID/status, its values. */
export function statusOf(pid: number, name: string): string[] {
  const text = readFileSync(join('/proc', String(pid), 'status'), 'utf8')
  return new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(text)![1]!.split(/\s+/)
}
