/**
 * `stomp-bridge init rabbitmq|mqtt|memory|spring`: a commented configuration to begin with. The texts are the examples that come with the
 * program, word for word. An existing file is never touched.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { didYouMean } from '../broker/spelling.ts'
import type { Arguments } from './arguments.ts'
import { EXIT, type Host, UsageError } from './command.ts'

const KINDS = ['rabbitmq', 'mqtt', 'memory', 'spring'] as const

/** The first line of every example names the schema that lies beside it. */
const HINT =
  '# stomp-bridge schema > schema.json makes the file that the next line names, for editors with yaml-language-server.\n'

/** @throws UsageError for a kind that does not exist */
export function init({ words, given }: Arguments, host: Host): number {
  const [word = ''] = words
  const kind = KINDS.find((known) => known === word)
  if (kind === undefined) {
    throw new UsageError(`init needs ${KINDS.join(', ')}, not "${word}"${didYouMean(word, KINDS)}`)
  }
  // src/commands/ and dist/commands/ are equally deep.
  const text = HINT + readFileSync(new URL(`../../config/${kind}.yaml`, import.meta.url), 'utf8')
  if (given.output === undefined) {
    host.stdout.write(text)
    return EXIT.ok
  }
  return write(given.output, text, host)
}

function write(file: string, text: string, { stdout, stderr }: Host): number {
  try {
    writeFileSync(file, text, { flag: 'wx' })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    stderr.write(`stomp-bridge: ${code === 'EEXIST' ? `${file} is there already, and stays as it is` : message}\n`)
    return EXIT.failed
  }
  stdout.write(`${file} is written. Next:\n  stomp-bridge check ${file}\n  stomp-bridge --config ${file}\n`)
  return EXIT.ok
}
