/**
 * A configuration file: its text, its values with `${…}` replaced, and where in the text each of them stands. YAML, and so JSON too.
 * Knows nothing of what the values mean.
 *
 *   ${VAR}            the environment variable; a fault when it is not set
 *   ${VAR:-default}   … the default when it is not set or empty
 *   ${file:/path}     the content of a file without its last line break: a mounted secret
 *   $${               a plain ${
 */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml'
import type { Fault, Path } from './errors.ts'
import { type Digests, Files } from './files.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export class Source {
  /** As it was named on the command line. */
  readonly file: string
  /** The values, replaced; undefined when the file cannot be read or is no YAML. */
  readonly tree: unknown
  /** The same, not replaced: `${RABBITMQ_PASSWORD}`. */
  readonly written: unknown
  /** What is wrong with the text itself. */
  readonly faults: readonly Fault[]
  readonly #files = new Files()
  readonly #lines = new LineCounter()
  readonly #document: Document.Parsed | undefined
  /** Texts that came from outside the file, and how each is written in it: what an error may show instead. */
  readonly #secrets = new Map<string, string>()

  /** Reads the file, and those that `${file:…}` names. Never throws: what fails is a fault. */
  constructor(file: string, env: Environment) {
    this.file = file
    const faults: Fault[] = []
    this.faults = faults
    try {
      this.#document = parseDocument(this.#files.read(file), {
        lineCounter: this.#lines,
        prettyErrors: false,
        stringKeys: true,
      })
    } catch (error) {
      faults.push({ path: [], message: `cannot be read: ${reason(error)}` })
      return
    }
    for (const { pos, message } of this.#document.errors) faults.push({ path: [], message, offset: pos[0] })
    if (faults.length > 0) return
    try {
      this.written = this.#document.toJS()
      this.#replace(env, faults)
      this.tree = this.#document.toJS()
    } catch (error) {
      faults.push({ path: [], message: reason(error) })
    }
  }

  /** The file itself, and those that `${file:…}` named: what a change of would change the values. */
  get files(): Digests {
    return this.#files.digests
  }

  /** `file:line:column` of a fault; of what is missing, that of the nearest thing around it. */
  where(fault: Fault): string {
    const { line, col } = this.position(fault)
    return `${this.file}:${line}:${col}`
  }

  /** `file:line` of a path, or of the nearest thing around it. */
  line(path: Path): string {
    return `${this.file}:${this.position({ path, message: '' }).line}`
  }

  /** 1-based; 1:1 for a file that could not be read. */
  position(fault: Fault): { line: number; col: number } {
    const { line, col } = this.#lines.linePos(fault.offset ?? this.#offset(fault.path, fault.key === true))
    return { line: Math.max(1, line), col: Math.max(1, col) }
  }

  /** The same text with every value that came from the environment or a secret file shown as it is written in the file. */
  redact(message: string): string {
    let text = message
    for (const [value, written] of this.#secrets) text = text.replaceAll(value, () => written)
    return text
  }

  #replace(env: Environment, faults: Fault[]): void {
    visit(this.#document!, {
      Scalar: (key, node) => {
        if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return
        node.value = node.value.replace(/\$(\$?)\{([^}]*)\}?/g, (whole, escaped: string, inside: string) => {
          if (escaped !== '') return whole.slice(1)
          const value = lookUp(inside, whole, env, this.#files)
          if (value.fault !== undefined) faults.push({ path: [], message: value.fault, offset: node.range?.[0] ?? 0 })
          else if (isTelling(value.text)) this.#secrets.set(value.text, whole)
          return value.text
        })
      },
    })
  }

  #offset(path: Path, wantsKey: boolean): number {
    let node: unknown = this.#document?.contents
    let offset = (node as Node | null | undefined)?.range?.[0] ?? 0
    for (const [index, step] of path.entries()) {
      if (isAlias(node)) node = node.resolve(this.#document!)
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
        if (pair === undefined) return offset
        const isKey = (wantsKey && index === path.length - 1) || !isScalar(pair.value) || pair.value.value === null
        offset = ((isKey ? pair.key : pair.value) as Node).range?.[0] ?? offset
        node = pair.value
      } else if (isSeq(node)) {
        node = node.items[Number(step)]
        offset = (node as Node | undefined)?.range?.[0] ?? offset
      } else return offset
    }
    return offset
  }
}

function lookUp(inside: string, whole: string, env: Environment, files: Files): { text: string; fault?: string } {
  const parts = /^(?:file:(.+)|([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?)$/s.exec(inside)
  if (parts === null || !whole.endsWith('}')) {
    return { text: whole, fault: `"${whole}" is none of \${VAR}, \${VAR:-default}, \${file:/path}` }
  }
  const [, file, name = '', standard] = parts
  if (file === undefined) {
    const value = standard === undefined ? env[name] : env[name] || standard
    return value === undefined ? { text: '', fault: `environment variable ${name} is not set` } : { text: value }
  }
  try {
    return { text: files.read(file).replace(/\r?\n$/, '') }
  } catch (error) {
    return { text: '', fault: `${whole} cannot be read: ${reason(error)}` }
  }
}

/** Short and everyday texts are no secrets, and to hide them would make errors unreadable. */
function isTelling(text: string): boolean {
  return text.length >= 4 && !/^(?:true|false|\d{1,5}|localhost)$/.test(text)
}

/** Of a failed read: what the system says, without the path, which stands beside it. */
function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code === undefined ? message : code === 'ENOENT' ? 'no such file' : code
}
