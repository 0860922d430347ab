/** deploy/helm: for each set of values in its ci/, objects that the API knows, and a bridge that `stomp-bridge check` has nothing against. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { checkout, manifest } from '../../ship/checkout.ts'
import { configurationOf, Objects, probesOf, spareSeconds, weaknesses } from '../../ship/kubernetes.ts'
import { Helm } from './helm.ts'

const CHART = checkout('deploy/helm/stomp-bridge')
const read = (path: string) => readFileSync(join(CHART, path), 'utf8')
const ci = (name: string) => parse(read(`ci/${name}-values.yaml`))
const schema = new Ajv({ strict: false, allErrors: true }).compile(JSON.parse(read('values.schema.json')))
/** Not of the chart: what its user has made beside it. */
const SECRETS = { RABBITMQ_PASSWORD: 'secret' }
const FILES = { tls: { 'ca.crt': '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n' } }

let helm: Helm
beforeAll(async () => {
  helm = await Helm.open(CHART)
})
afterAll(() => helm[Symbol.asyncDispose]())

async function installed(own: Record<string, unknown>, release = 'bridge') {
  const values = helm.values(own)
  expect(schema(values), JSON.stringify(schema.errors)).toBe(true)
  const files = await helm.template(release, values)
  const notes = files.get('NOTES.txt')!
  files.delete('NOTES.txt')
  const objects = new Objects([...files.values()])
  const [deployment] = objects.of('Deployment')
  const pod = deployment!.spec!.template.spec!
  return { notes, objects, deployment: deployment!, pod, bridge: pod.containers[0]! }
}

describe.each([
  ['rabbitmq', ['ConfigMap', 'Deployment', 'Service']],
  ['internet', ['ConfigMap', 'Deployment', 'HorizontalPodAutoscaler', 'Ingress', 'PodDisruptionBudget', 'Service']],
])('with the values %s', (name, kinds) => {
  test('the API knows what comes out', async () => {
    const { objects } = await installed(ci(name))
    expect(objects.names).toEqual(kinds.map((kind) => `${kind} bridge-stomp-bridge`))
    expect(objects.faults()).toBe('')
  })

  test('the configuration is the one of the values, without faults, and there is time enough to drain', async () => {
    const { objects, pod, bridge } = await installed(ci(name))
    expect(parse(objects.of('ConfigMap')[0]!.data!['bridge.yaml']!)).toEqual(ci(name).config)
    const config = await configurationOf(pod, bridge, { objects, secrets: SECRETS, files: withFiles(name) })
    expect(spareSeconds(pod, bridge, config)).toBe(9)
    expect(bridge.ports!.map(({ containerPort }) => containerPort)).toEqual([config.listen.port, config.ops.port])
    const { port } = config.ops
    expect(probesOf(bridge)).toEqual({ paths: ['/livez', '/readyz', '/livez'], ports: [port, port, port] })
  })

  test('the pods are restricted, and are those that all the others mean', async () => {
    const { objects, pod, deployment } = await installed(ci(name))
    expect(weaknesses(pod)).toEqual([])
    const selector = deployment.spec!.selector.matchLabels
    expect(deployment.spec!.template.metadata!.labels).toMatchObject(selector!)
    expect(objects.of('Service')[0]!.spec!.selector).toEqual(selector)
    for (const { spec } of objects.of('PodDisruptionBudget')) expect(spec!.selector!.matchLabels).toEqual(selector)
    for (const { spec } of objects.of('HorizontalPodAutoscaler')) {
      expect(spec!.scaleTargetRef.name).toBe(deployment.metadata!.name)
      expect(deployment.spec!.replicas).toBeUndefined()
    }
  })
})

/** Volumes that are no ConfigMap of the chart. */
function withFiles(name: string) {
  return name === 'internet' ? FILES : {}
}

test('every value that a user may give arrives', async () => {
  const own = ci('internet')
  const { objects, pod, bridge, deployment, notes } = await installed(own)
  expect(bridge.image).toBe(`${parse(read('values.yaml')).image.repository}:${own.image.tag}`)
  expect(bridge.env).toContainEqual({ name: 'STOMP_BRIDGE_LIMITS_CONNECTIONS', value: '5000' })
  expect(bridge.envFrom).toEqual([{ secretRef: { name: own.envFromSecret } }])
  expect(bridge.volumeMounts).toContainEqual(own.extraVolumeMounts[0])
  expect(pod.volumes).toContainEqual(own.extraVolumes[0])
  const { nodeSelector, tolerations, affinity, imagePullSecrets } = own
  expect(pod).toMatchObject({ nodeSelector, tolerations, affinity, imagePullSecrets })
  const { labels, annotations } = deployment.spec!.template.metadata!
  expect(labels).toMatchObject(own.podLabels)
  expect(annotations).toEqual(own.podAnnotations)
  expect(objects.of('Service')[0]!.metadata!.annotations).toEqual(own.service.annotations)
  const [ingress] = objects.of('Ingress')
  expect(ingress!.metadata!.annotations).toEqual(own.ingress.annotations)
  expect(ingress!.spec).toMatchObject({
    ingressClassName: 'nginx',
    tls: [{ secretName: 'stomp-tls', hosts: [own.ingress.host] }],
  })
  expect(notes).toContain('wss://stomp.example.com/ws')
})

test('a ConfigMap of the user takes the place of the values', async () => {
  const { objects, pod } = await installed({ existingConfigMap: 'mine' })
  expect(objects.of('ConfigMap')).toEqual([])
  expect(pod.volumes![0]!.configMap).toEqual({ name: 'mine' })
})

test('without a configuration nothing is installed', async () => {
  await expect(helm.template('bridge', helm.values({}))).rejects.toThrow('existingConfigMap')
})

test('a release that is called like the chart is not called so twice', async () => {
  const { objects } = await installed(ci('rabbitmq'), 'my-stomp-bridge')
  expect(objects.names).toContain('Deployment my-stomp-bridge')
})

test.each([
  [{ autoscaling: { enbled: true } }],
  [{ config: { drain: { grace: '10s' } } }], // would be shadowed by drain.graceSeconds
  [{ drain: { spreadSeconds: '30s' } }],
  [{ ingress: { enabled: true } }],
  [{ replica: 2 }],
])('the schema refuses %j', (own) => {
  expect(schema(helm.values(own))).toBe(false)
})

test('the chart is of this version, and says of itself what package.json says', () => {
  const { name, version, appVersion, description } = parse(read('Chart.yaml'))
  expect({ name, version, appVersion, description }).toEqual({
    name: manifest.name,
    version: manifest.version,
    appVersion: manifest.version,
    description: manifest.description,
  })
})
