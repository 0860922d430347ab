/**
 * The Dockerfile, read: instructions in stages, as far as this project's own file goes (no heredocs, no ADD, no ARG between quotes). So that tests
 * take files, user and command from where the image takes them. Whether it is a correct Dockerfile is a linter's to say.
 */
import { readFileSync } from 'node:fs'
import { checkout } from './checkout.ts'

export interface Instruction {
  /** FROM, COPY, RUN … */
  readonly word: string
  /** What stands after it, on one line. */
  readonly rest: string
}

export interface Stage {
  /** As `AS` has it; undefined: the image itself. */
  readonly name: string | undefined
  readonly instructions: readonly Instruction[]
}

export interface Copy {
  /** The stage that it is taken from; undefined = the checkout. */
  readonly from: string | undefined
  readonly sources: readonly string[]
  readonly target: string
}

export class Dockerfile {
  readonly text = readFileSync(checkout('Dockerfile'), 'utf8')
  /** Before the first FROM. */
  readonly args: ReadonlyMap<string, string>
  readonly stages: readonly Stage[]

  constructor() {
    const lines = this.text.replace(/^\s*#.*\n/gm, '').replaceAll(/\\\n\s*/g, '')
    const all = [...lines.matchAll(/^([A-Z]+)\s+(.*)$/gm)].map(([, word, rest]) => ({ word: word!, rest: rest! }))
    const starts = all.flatMap(({ word }, index) => (word === 'FROM' ? [index] : []))
    this.args = assignments(all.slice(0, starts[0]), 'ARG')
    this.stages = starts.map((start, index) => ({
      name: / AS (\S+)$/.exec(all[start]!.rest)?.[1],
      instructions: all.slice(start + 1, starts[index + 1]),
    }))
  }

  /** The last stage: what is run. */
  get image(): Stage {
    return this.stages.at(-1)!
  }

  /** What the image says once, like USER. */
  said(word: string): string {
    return this.image.instructions.findLast((each) => each.word === word)!.rest
  }

  get environment(): ReadonlyMap<string, string> {
    return assignments(this.image.instructions, 'ENV')
  }

  get labels(): ReadonlyMap<string, string> {
    return assignments(this.image.instructions, 'LABEL')
  }

  get entrypoint(): readonly string[] {
    return JSON.parse(this.said('ENTRYPOINT'))
  }

  /** What HEALTHCHECK runs. */
  get healthcheck(): readonly string[] {
    return JSON.parse(/ CMD (\[.*\])$/.exec(this.said('HEALTHCHECK'))![1]!)
  }
}

export function copyOf({ rest }: Instruction): Copy {
  const words = rest.split(/\s+/)
  const from = words[0]?.startsWith('--from=') ? words.shift()!.slice('--from='.length) : undefined
  const target = words.pop()!
  return { from, sources: words, target }
}

function assignments(instructions: readonly Instruction[], word: string): ReadonlyMap<string, string> {
  const texts = instructions.filter((each) => each.word === word).map(({ rest }) => rest)
  const pairs = texts.flatMap((text) => [...text.matchAll(/([\w.]+)=("[^"]*"|\S*)/g)])
  return new Map(pairs.map(([, name, value]) => [name!, value!.replaceAll('"', '')]))
}
