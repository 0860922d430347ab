/** A broker that only has routes: targets are texts made by one template, `name:`. Nothing can be published or consumed. */
import type { Broker, Route, Traits } from '../../src/broker/broker.ts'
import { BrokerError, FieldError } from '../../src/broker/errors.ts'
import { wordNames } from '../../src/broker/space.ts'
import { compileTemplate } from '../../src/broker/template.ts'

export interface FakeOptions {
  readonly credentials?: 'service' | 'client'
  /** Header names that its routes read as arguments. */
  readonly arguments?: readonly string[]
  /** Keys that its routes know; `name` is the template. Default: only `name`. */
  readonly knows?: readonly string[]
}

/** `*` in a target makes it a wildcard; `!` makes it a bad name. `targets` counts how often a target was made. */
export class FakeBroker implements Broker<string> {
  readonly name: string
  readonly credentials: 'service' | 'client'
  readonly health = { state: 'up', since: 0, reason: undefined } as const
  targets = 0
  readonly #arguments: readonly string[]
  readonly #knows: readonly string[] | undefined

  constructor(name: string, options: FakeOptions = {}) {
    this.name = name
    this.credentials = options.credentials ?? 'service'
    this.#arguments = options.arguments ?? []
    this.#knows = options.knows
  }

  route(options: Readonly<Record<string, unknown>>, names: readonly string[]): Route<string> {
    const strange = Object.keys(options).find((key) => key !== 'name' && !this.#knows?.includes(key))
    if (strange !== undefined) throw new FieldError([strange], 'unknown field')
    const source = this.#knows === undefined ? options.name : (options.name ?? namesOf(options))
    if (typeof source !== 'string') throw new FieldError(['name'], 'must be a template')
    const template = compileTemplate(source, ['name'], names)
    return {
      target: (variables) => {
        this.targets++
        const target = template.render(variables)
        if (target.includes('!')) throw new BrokerError('bad-destination', 'no names with !')
        return target
      },
      variables: (target) => template.match(target),
      space: { kind: 'name', parts: [wordNames(template.source, { one: '*', many: '#' }, '.')] },
      spaceOf: (target) => ({ kind: 'name', parts: [wordNames(target, { one: '*', many: '#' }, '.')] }),
      special: '.*#',
      arguments: this.#arguments,
      summary: `name ${source}`,
      describe(target, verb) {
        if (verb === 'send' && target.includes('*')) throw new BrokerError('bad-destination', 'it names many')
        return `name ${target}`
      },
      receipt: () => 'the fake has it',
    }
  }

  isSame(one: string, other: string): boolean {
    return one === other
  }

  traits(target: string): Traits {
    return { confirms: true, settles: true, stores: true, distribution: 'compete', wildcard: target.includes('*') }
  }

  async start(): Promise<void> {}

  link(): Promise<never> {
    return Promise.reject(new BrokerError('unsupported', 'this broker only has routes'))
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** The options of a preset, as one template: key=value, sorted by nothing but their order. */
function namesOf(options: Readonly<Record<string, unknown>>): string {
  return Object.entries(options)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(';')
}
