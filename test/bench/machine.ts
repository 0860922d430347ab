/** What the figures were measured on, and with which versions of everything. */
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { cpus, release, totalmem, type } from 'node:os'
import type { SharedRabbit } from './peers/peer.ts'

const require = createRequire(import.meta.url)

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  /** Of the minute before the run: others at work on the machine slow everything down, and not evenly. */
  readonly loadBefore: number
  /** By name. */
  readonly versions: Readonly<Record<string, string>>
}

/** @param rabbit undefined when none took part */
export async function describeMachine(loadBefore: number, rabbit: SharedRabbit | undefined): Promise<Machine> {
  return {
    cpu: cpus()[0]!.model.trim(),
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    loadBefore,
    versions: {
      'stomp-bridge': versionOf('../../package.json'),
      Node: process.versions.node,
      ws: versionOf('ws/package.json'),
      'stomp-broker-js': versionOf('stomp-broker-js/package.json'),
      ...(await rabbitVersions(rabbit)),
      ...mosquittoVersion(),
    },
  }
}

/** @param file the package.json */
function versionOf(file: string): string {
  return (require(file) as { version: string }).version
}

async function rabbitVersions(shared: SharedRabbit | undefined): Promise<Record<string, string>> {
  if (shared === undefined) return {}
  const erlang = async (expression: string) => (await shared.rabbit.eval(`${expression}.`)).replaceAll('"', '')
  return { RabbitMQ: await erlang('rabbit_misc:version()'), Erlang: await erlang('erlang:system_info(otp_release)') }
}

/** Its help begins with it, and ends with a code that is not 0. */
function mosquittoVersion(): Record<string, string> {
  try {
    const help = execFileSync('/bin/sh', ['-c', '/usr/sbin/mosquitto -h 2>&1 || true'], { encoding: 'utf8' })
    const found = /version (\S+)/.exec(help)?.[1]
    return found === undefined ? {} : { Mosquitto: found }
  } catch {
    return {}
  }
}
