/** What is mounted where: transports that begin with an upgrade at one path, and services that own a path and all below it. */
import type { Upgrade } from './listen.ts'
import type { Service } from './service.ts'

export class Mounts implements Disposable {
  readonly #upgrades: ReadonlyMap<string, Upgrade>
  readonly #services: readonly (readonly [string, Service])[]

  /** @param upgrades, services by their paths; of both at one path a service gets what is no upgrade */
  constructor(upgrades: Readonly<Record<string, Upgrade>>, services: Readonly<Record<string, Service>>) {
    this.#upgrades = new Map(Object.entries(upgrades))
    this.#services = Object.entries(services)
  }

  /** Whether a plain request to this path is one that should ask for an upgrade. */
  upgrades(path: string): boolean {
    return this.#upgrades.has(path)
  }

  /** Who takes an upgrade at this path. */
  upgradeAt(path: string): Upgrade | undefined {
    const [service, below] = this.serviceAt(path) ?? []
    return this.#upgrades.get(path) ?? service?.upgrade(below ?? '')
  }

  /** Who answers plain requests at this path, and the rest of the path. */
  serviceAt(path: string): readonly [Service, string] | undefined {
    const found = this.#services.find(([base]) => path === base || path.startsWith(`${base}/`))
    return found && [found[1], path.slice(found[0].length)]
  }

  /** Of its services. */
  [Symbol.dispose](): void {
    for (const [, service] of this.#services) service[Symbol.dispose]()
  }
}
