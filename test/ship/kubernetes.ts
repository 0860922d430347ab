/**
 * Kubernetes objects, from whatever wrote them: whether the API knows their fields (its own types, kubernetes-types, and the compiler: a field
 * that does not exist is an error, as with `kubectl --validate=strict`), and what must hold for a bridge that runs in a pod.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Deployment } from 'kubernetes-types/apps/v1.d.ts'
import type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.d.ts'
import type { ConfigMap, Container, PodSpec, Secret, Service } from 'kubernetes-types/core/v1.d.ts'
import type { Ingress } from 'kubernetes-types/networking/v1.d.ts'
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.d.ts'
import { parseAllDocuments } from 'yaml'
import type { Config } from '../../src/config/schema.ts'
import { checked, drainMs } from './checked.ts'
import { checkout, run } from './checkout.ts'

interface Kinds {
  readonly ConfigMap: ConfigMap
  readonly Deployment: Deployment
  readonly HorizontalPodAutoscaler: HorizontalPodAutoscaler
  readonly Ingress: Ingress
  readonly PodDisruptionBudget: PodDisruptionBudget
  readonly Secret: Secret
  readonly Service: Service
}

type Kind = keyof Kinds

/** Where kubernetes-types has them. */
const GROUPS: Readonly<Record<Kind, string>> = {
  ConfigMap: 'core/v1',
  Deployment: 'apps/v1',
  HorizontalPodAutoscaler: 'autoscaling/v2',
  Ingress: 'networking/v1',
  PodDisruptionBudget: 'policy/v1',
  Secret: 'core/v1',
  Service: 'core/v1',
}

export class Objects {
  readonly all: readonly { readonly kind: string; readonly metadata: { readonly name: string } }[]

  /** @throws on a YAML fault, a key that stands twice among them */
  constructor(yaml: readonly string[]) {
    const documents = yaml.flatMap((text) => parseAllDocuments(text, { uniqueKeys: true }))
    const faults = documents.flatMap((document) => [...document.errors, ...document.warnings])
    if (faults.length > 0) throw new AggregateError(faults, faults.map(({ message }) => message).join('\n'))
    this.all = documents.map((document) => document.toJS()).filter((object) => object !== null)
  }

  /** Those of a kind. */
  of<K extends Kind>(kind: K): Kinds[K][] {
    return this.all.filter((each) => each.kind === kind) as unknown as Kinds[K][]
  }

  get names(): string[] {
    return this.all.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort()
  }

  /** What the API server would say of their fields; empty = nothing. */
  faults(): string {
    const lines = this.all.map((object, index) => {
      const group = GROUPS[object.kind as Kind]
      if (group === undefined) throw new Error(`no types are known for ${object.kind}`)
      const type = `import('${checkout('node_modules/kubernetes-types', group)}.d.ts').${object.kind}`
      return `export const object${index}: ${type} = ${JSON.stringify(object, null, 2)}`
    })
    const folder = mkdtempSync(join(tmpdir(), 'kubernetes-'))
    try {
      writeFileSync(join(folder, 'objects.ts'), lines.join('\n'))
      const flags = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2024']
      run(folder, [checkout('node_modules/.bin/tsc'), '--ignoreConfig', ...flags, 'objects.ts'])
      return ''
    } catch (error) {
      return (error as Error).message
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
}

/** What stands beside the pods of a bridge: objects of the same names that its Deployment refers to. */
export interface Surroundings {
  readonly objects: Objects
  /** Files of a volume that the objects do not have, by the volume's name. */
  readonly files?: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** … and variables of Secrets that they do not have. */
  readonly secrets?: Readonly<Record<string, string>>
}

/** The configuration that the container of a pod would load, told faultless by `stomp-bridge check`. */
export async function configurationOf(pod: PodSpec, container: Container, around: Surroundings): Promise<Config> {
  const root = mkdtempSync(join(tmpdir(), 'pod-'))
  try {
    for (const { name, mountPath } of container.volumeMounts ?? []) {
      mkdirSync(join(root, mountPath), { recursive: true })
      const files = Object.entries(around.files?.[name] ?? filesOf(pod, name, around.objects))
      // paths of the container, below a folder of ours
      for (const [file, text] of files)
        writeFileSync(join(root, mountPath, file), text.replaceAll('${file:/', `\${file:${root}/`))
    }
    const { STOMP_BRIDGE_CONFIG, ...env } = environmentOf(container, around)
    return await checked(join(root, STOMP_BRIDGE_CONFIG!), env)
  } finally {
    rmSync(root, { recursive: true })
  }
}

function filesOf(pod: PodSpec, volume: string, objects: Objects): Readonly<Record<string, string>> {
  const name = pod.volumes?.find((each) => each.name === volume)?.configMap?.name
  const found = objects.of('ConfigMap').find(({ metadata }) => metadata?.name === name)
  if (found?.data === undefined) throw new Error(`no ConfigMap for the volume ${volume}`)
  return found.data
}

/** What the container's processes see. A variable of `env` goes before one of `envFrom` (Kubernetes API, Container.envFrom). */
function environmentOf(container: Container, { objects, secrets }: Surroundings): Record<string, string> {
  const names = (container.envFrom ?? []).map(({ secretRef }) => secretRef?.name)
  const found = objects.of('Secret').filter(({ metadata }) => names.includes(metadata?.name))
  const own = Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value ?? '']))
  return { ...secrets, ...Object.assign({}, ...found.map(({ stringData }) => stringData)), ...own }
}

/** Pod Security Standards, "restricted", and a file system that cannot be written to: what a pod lacks of it. */
export function weaknesses({ securityContext: pod, containers, initContainers = [] }: PodSpec): string[] {
  const lacks: string[] = []
  if (pod?.runAsNonRoot !== true) lacks.push('runAsNonRoot')
  if (pod?.seccompProfile?.type !== 'RuntimeDefault') lacks.push('seccompProfile')
  for (const { name, image, securityContext: own } of [...initContainers, ...containers]) {
    if (own?.allowPrivilegeEscalation !== false) lacks.push(`${name}: allowPrivilegeEscalation`)
    if (own?.readOnlyRootFilesystem !== true) lacks.push(`${name}: readOnlyRootFilesystem`)
    if (own?.capabilities?.drop?.includes('ALL') !== true) lacks.push(`${name}: capabilities`)
    if (own?.capabilities?.add?.some((each) => each !== 'NET_BIND_SERVICE')) lacks.push(`${name}: capabilities added`)
    if (!/:\d+\.\d+\.\d+[\w.-]*$/.test(image ?? '')) lacks.push(`${name}: an image without an exact version`)
  }
  return lacks
}

/** Seconds that Kubernetes gives the pod beyond what the bridge may need to drain. */
export function spareSeconds(pod: PodSpec, container: Container, { drain }: Config): number {
  const preStop = [container, ...pod.containers].map(({ lifecycle }) => lifecycle?.preStop?.sleep?.seconds ?? 0)
  const needed = Math.max(...preStop) + drainMs(drain) / 1000
  return (pod.terminationGracePeriodSeconds ?? 30) - needed
}

/** A bridge is asked on its ops port, for what each probe is for. */
export function probesOf({ startupProbe, readinessProbe, livenessProbe, ports }: Container) {
  const asked = [startupProbe, readinessProbe, livenessProbe].map((probe) => probe?.httpGet)
  return {
    paths: asked.map((get) => get?.path),
    ports: asked.map((get) => get && ports?.find(({ name }) => name === get.port)?.containerPort),
  }
}
