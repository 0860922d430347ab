/** What the figures were measured on. */
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import type { Rabbit } from '../support/rabbitmq.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  /** Of the minute before the run: others at work on the machine slow everything down, and not evenly. */
  readonly loadBefore: number
  readonly node: string
  readonly rabbitmq: string
  readonly erlang: string
}

export async function describeMachine(rabbit: Rabbit): Promise<Machine> {
  const erlang = async (expression: string) => (await rabbit.eval(`${expression}.`)).replaceAll('"', '')
  return {
    cpu: cpus()[0]!.model,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    loadBefore: loadavg()[0]!,
    node: process.version,
    rabbitmq: await erlang('rabbit_misc:version()'),
    erlang: await erlang('erlang:system_info(otp_release)'),
  }
}
