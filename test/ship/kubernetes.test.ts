/** deploy/kubernetes: objects that the API knows, that fit together, and that hold a bridge which `stomp-bridge check` has nothing against. */
import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { checkout, manifest } from './checkout.ts'
import { configurationOf, Objects, probesOf, spareSeconds, weaknesses } from './kubernetes.ts'

const read = (name: string) => readFileSync(checkout('deploy/kubernetes', name), 'utf8')
const kustomization = parse(read('kustomization.yaml'))
/** What kustomize makes of it, as far as this one goes. */
const generated = kustomization.configMapGenerator.map(({ name, files }: { name: string; files: string[] }) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data: Object.fromEntries(files.map((file) => [basename(file), read(file)])),
  }),
)

describe('the Deployment', () => {
  const objects = new Objects([...kustomization.resources.map(read), ...generated])
  const deployment = objects.of('Deployment')[0]!
  const pod = deployment.spec!.template.spec!
  const bridge = pod.containers[0]!

  test('is there with all that belongs to it', () => {
    expect(objects.names).toEqual([
      'ConfigMap stomp-bridge',
      'Deployment stomp-bridge',
      'HorizontalPodAutoscaler stomp-bridge',
      'PodDisruptionBudget stomp-bridge',
      'Secret stomp-bridge',
      'Service stomp-bridge',
    ])
    expect(objects.faults()).toBe('')
  })

  test('starts no new pods for a new configuration: a bridge reads it', () => {
    expect(kustomization.generatorOptions).toEqual({ disableNameSuffixHash: true })
    expect(bridge.volumeMounts!.filter(({ subPath }) => subPath !== undefined)).toEqual([])
  })

  test('has a configuration without faults, and time enough to drain', async () => {
    const config = await configurationOf(pod, bridge, { objects })
    expect(spareSeconds(pod, bridge, config)).toBeGreaterThanOrEqual(0)
    const ports = { ws: config.listen.port, ops: config.ops.port }
    expect(Object.fromEntries(bridge.ports!.map(({ name, containerPort }) => [name, containerPort]))).toEqual(ports)
    expect(probesOf(bridge)).toEqual({
      paths: ['/livez', '/readyz', '/livez'],
      ports: [ports.ops, ports.ops, ports.ops],
    })
  })

  test('is as restricted as a pod can be', () => {
    expect(weaknesses(pod)).toEqual([])
    expect(bridge.image).toBe(`registry.example.com/stomp-bridge:${manifest.version}`)
    expect(kustomization.images).toEqual([{ name: 'registry.example.com/stomp-bridge', newTag: manifest.version }])
  })

  test('is what the Service, the autoscaler and the disruption budget mean', () => {
    const labels = deployment.spec!.template.metadata!.labels
    expect(deployment.spec!.selector.matchLabels).toEqual(labels)
    const [service] = objects.of('Service')
    expect(service!.spec!.selector).toEqual(labels)
    expect(service!.spec!.ports!.map(({ targetPort }) => targetPort)).toEqual(['ws'])
    expect(objects.of('PodDisruptionBudget')[0]!.spec!.selector!.matchLabels).toEqual(labels)
    const { scaleTargetRef } = objects.of('HorizontalPodAutoscaler')[0]!.spec!
    expect(scaleTargetRef).toEqual({ apiVersion: 'apps/v1', kind: 'Deployment', name: deployment.metadata!.name })
    // the autoscaler's alone
    expect(deployment.spec!.replicas).toBeUndefined()
  })
})

describe('the sidecar', () => {
  const objects = new Objects([read('sidecar.yaml')])
  const pod = objects.of('Deployment')[0]!.spec!.template.spec!
  const bridge = pod.initContainers![0]!

  test('is made of what the API knows', () => {
    expect(objects.faults()).toBe('')
    // "native": an init container that is not waited for, and outlives the others
    expect(bridge.restartPolicy).toBe('Always')
  })

  test('has a configuration without faults, on loopback, and time enough to drain', async () => {
    const config = await configurationOf(pod, bridge, { objects })
    expect(config.listen.host).toBe('127.0.0.1')
    expect(spareSeconds(pod, bridge, config)).toBeGreaterThanOrEqual(0)
    expect(probesOf(bridge)).toEqual({
      paths: ['/readyz', undefined, '/livez'],
      ports: [config.ops.port, undefined, config.ops.port],
    })
  })

  test('is as restricted as a pod can be', () => {
    expect(weaknesses(pod)).toEqual([])
    expect(bridge.image).toBe(`registry.example.com/stomp-bridge:${manifest.version}`)
  })
})

test('every file of deploy/kubernetes is one of these', () => {
  const known = ['kustomization.yaml', 'sidecar.yaml', 'bridge.yaml', ...kustomization.resources]
  expect(globSync('*', { cwd: checkout('deploy/kubernetes') }).sort()).toEqual(known.sort())
})

test('the types find what the API would refuse', () => {
  const objects = new Objects([read('deployment.yaml').replace('minReadySeconds', 'minReadySecond')])
  expect(objects.faults()).toContain('minReadySecond')
})
