/**
 * A chart's templates, rendered as Helm would. Helm is to be had neither from npm nor from Debian; what it is made of is: Caddy executes Go's own
 * text/template with sprig's functions, the same two libraries. The rest of Helm is done here, as far as this chart goes:
 *
 *   include   Caddy's takes a file instead of a template's name: there is a file for each name
 *   toYaml    YAML whose values are JSON, which means the same
 *   values    values.yaml under the user's, maps merged, all else replaced
 *
 * Not here: lookup, tpl, .Files, .Capabilities, hooks, subcharts. A chart that uses one of those is refused, not rendered wrongly.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { parse } from 'yaml'
import { Caddy } from './caddy.ts'

type Values = Readonly<Record<string, unknown>>

const TO_YAML = `{{- define "to-yaml" -}}
{{- if kindIs "map" . -}}{{- range $key, $value := . }}
{{ toJson $key }}: {{ toJson $value }}{{ end -}}
{{- else if kindIs "slice" . -}}{{- range . }}
- {{ toJson . }}{{ end -}}
{{- else -}}{{ toJson . }}{{- end -}}
{{- end -}}
`

export class Helm implements AsyncDisposable {
  readonly #caddy = new Caddy()
  readonly #chart: string
  readonly #socket = join(this.#caddy.folder, 'socket')

  private constructor(chart: string) {
    this.#chart = chart
  }

  static async open(chart: string): Promise<Helm> {
    const helm = new Helm(chart)
    try {
      await helm.#start()
      return helm
    } catch (error) {
      await helm[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Values of the chart under those of a user; null takes one away. */
  values(own: Values): Values {
    return merged(parse(readFileSync(join(this.#chart, 'values.yaml'), 'utf8')), own)
  }

  /**
   * @param values all of them
   * @returns by the template's file name, what is not empty
   * @throws when a template fails, by `fail` for one
   */
  async template(release: string, values: Values): Promise<Map<string, string>> {
    const root = this.#caddy.folder
    const { name, version, appVersion } = parse(readFileSync(join(this.#chart, 'Chart.yaml'), 'utf8'))
    const data = {
      Values: values,
      Release: { Name: release, Namespace: 'default', Service: 'Helm' },
      Chart: { Name: name, Version: version, AppVersion: appVersion },
    }
    const helpers =
      TO_YAML +
      globSync('templates/_*', { cwd: this.#chart })
        .map((path) => this.#source(path))
        .join('\n')
    for (const [, defined] of helpers.matchAll(/\{\{-? define "([^"]+)"/g)) {
      writeFileSync(join(root, `${defined}.file`), `${helpers}{{- template "${defined}" (index .Args 0) -}}`)
    }
    const dot = `(fromJson (b64dec "${Buffer.from(JSON.stringify(data)).toString('base64')}"))`
    const made = new Map<string, string>()
    for (const path of globSync('templates/[!_]*', { cwd: this.#chart })) {
      const page = `${path.replaceAll('/', '-')}.html`
      writeFileSync(
        join(root, page),
        `${helpers}{{- define "main" }}${this.#source(path)}{{ end }}{{- template "main" ${dot} }}`,
      )
      const { status, body } = await this.#get(page)
      if (status !== 200) throw new Error(`${path}: ${this.#caddy.log.trimEnd().split('\n').at(-1)}`)
      // the engine's word for what is not there; Helm would leave it out and make a wrong object
      if (body.includes('<no value>')) throw new Error(`${path}: a value that does not exist\n${body}`)
      if (body.trim() !== '') made.set(path.replace('templates/', ''), body)
    }
    return made
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#caddy[Symbol.asyncDispose]()
  }

  async #start(): Promise<void> {
    const { folder } = this.#caddy
    const handle = [
      { handler: 'templates', file_root: folder },
      { handler: 'file_server', root: folder },
    ]
    const server = { listen: [`unix/${this.#socket}`], automatic_https: { disable: true }, routes: [{ handle }] }
    const config = { admin: { disabled: true }, apps: { http: { servers: { charts: server } } } }
    writeFileSync(join(folder, 'caddy.json'), JSON.stringify(config))
    await this.#caddy.start(join(folder, 'caddy.json'), async () => {
      return await this.#get('').then(
        () => true,
        () => false,
      )
    })
  }

  #source(path: string): string {
    const text = readFileSync(join(this.#chart, path), 'utf8')
    const foreign = /\b(lookup|tpl|required|fromYaml)\b|\.(Files|Capabilities|Subcharts|Template)\b/.exec(
      text.replaceAll(/\{\{\/\*.*?\*\/\}\}/gs, ''),
    )
    if (foreign !== null) throw new Error(`${path}: ${foreign[0]} is not known here`)
    return text
      .replaceAll(/\btoYaml (\S+)/g, 'include "to-yaml" $1 | trim')
      .replaceAll(/\binclude "([^"]+)"/g, 'include "$1.file"')
  }

  #get(page: string): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: this.#socket, path: `/${page}` }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text) => (body += text))
        // of a failed template Caddy sends the head only, with the length that its file has
        response.on('error', () => undefined).once('close', () => resolve({ status: response.statusCode!, body }))
      })
      asked.once('error', reject).end()
    })
  }
}

/** Helm, "Values files": maps are merged, anything else is replaced, null deletes. */
function merged(under: Values, over: Values): Values {
  const all: Record<string, unknown> = { ...under }
  for (const [name, value] of Object.entries(over)) {
    if (value === null) delete all[name]
    else all[name] = isMap(all[name]) && isMap(value) ? merged(all[name], value) : value
  }
  return all
}

function isMap(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
