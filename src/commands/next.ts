/** The last lines of the start-up page: how somebody goes on who has just started the bridge, in the words that he has started it with. */
import type { Bridge } from '../bridge/index.ts'
import type { Host } from './command.ts'

/** No line breaks. */
export function nextLines({ config }: Bridge['startup'], env: Host['env']): string[] {
  const program = programName(env)
  const next: readonly (readonly [typed: string, what: string])[] = [
    config === undefined
      ? [`${program} init rabbitmq -o bridge.yaml`, 'writes a file to begin with']
      : [`${program} check ${config}`, 'tells what is wrong with it'],
    [`${program} --help`, 'shows the rest; or README.md'],
    ['Ctrl-C', 'stops it, in good order'],
  ]
  const width = Math.max(...next.map(([typed]) => typed.length))
  return ['', ...next.map(([typed, what]) => `  ${typed.padEnd(width)}  ${what}`)]
}

/** npm says by which of its commands it runs: `npm start` by the name of the script, `npx` by its own. */
function programName({ npm_lifecycle_event: event }: Host['env']): string {
  if (event === 'start') return 'npm start --'
  return event === 'npx' ? 'npx stomp-bridge' : 'stomp-bridge'
}
