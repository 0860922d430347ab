/** The pages that users read, taken apart: fenced blocks, inline code, links and headings of Markdown as these pages are written. */
import { globSync, readFileSync } from 'node:fs'

export const root = new URL('../../', import.meta.url).pathname

export interface Block {
  /** Behind the opening fence; '' for none. */
  readonly language: string
  readonly text: string
  /** Of the opening fence, from 1. */
  readonly line: number
}

/** Something short, and where it stands: `README.md:12`. */
export interface Quote {
  readonly text: string
  readonly where: string
}

export class Page {
  /** From the root of the checkout. */
  readonly path: string
  readonly blocks: readonly Block[]
  /** Without the blocks, a line each. */
  readonly #prose: readonly string[]

  constructor(path: string) {
    this.path = path
    const blocks: Block[] = []
    let open: { language: string; lines: string[]; line: number } | undefined
    this.#prose = readFileSync(`${root}${path}`, 'utf8')
      .split('\n')
      .map((text, index) => {
        const fence = /^\s*```(\w*)\s*$/.exec(text)
        if (fence !== null && open === undefined) open = { language: fence[1]!, lines: [], line: index + 1 }
        else if (fence !== null && open !== undefined) {
          blocks.push({ language: open.language, text: open.lines.join('\n'), line: open.line })
          open = undefined
        } else if (open !== undefined) open.lines.push(text)
        else return text
        return ''
      })
    this.blocks = blocks
  }

  /** CommonMark §6.1: between runs of backticks of equal length; of two and more, one space on either side is not part of it. */
  code(): Quote[] {
    return this.#quotes(/(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)/g, ([, , text]) => text!.trim())
  }

  /** Where links lead; those within code are none. */
  links(): Quote[] {
    return this.#quotes(
      /\]\(([^)\s]+)\)/g,
      ([, target]) => target!,
      (line) => line.replace(/`[^`]*`/g, (code) => 'x'.repeat(code.length)),
    )
  }

  /** As GitHub names them in links: small letters, digits, `-` and `_`; spaces are `-`. */
  anchors(): ReadonlySet<string> {
    const headings = this.#prose.flatMap((line) => /^#+ (.*)$/.exec(line)?.[1] ?? [])
    return new Set(
      headings.map((text) =>
        text
          .toLowerCase()
          .replace(/[^\p{L}\p{N} _-]/gu, '')
          .replaceAll(' ', '-'),
      ),
    )
  }

  /** Lines of shells: prompts, comments and output are left out, what goes on behind `\` is one line. */
  shell(): Quote[] {
    return this.blocks.flatMap(({ language, text, line }) => {
      if (!['sh', 'console', 'bash', ''].includes(language)) return []
      const hasPrompts = /^\$ /m.test(text)
      const joined = text.replace(/\\\n/g, '\0').split('\n')
      let at = line
      return joined.flatMap((written) => {
        at += 1 + written.split('\0').length - 1
        const command = written
          .replaceAll('\0', ' ')
          .replace(/(^|\s)#.*$/, '')
          .trim()
        if (command === '' || (hasPrompts && !command.startsWith('$ '))) return []
        return [{ text: command.replace(/^\$ /, ''), where: `${this.path}:${at}` }]
      })
    })
  }

  #quotes(pattern: RegExp, pick: (match: RegExpExecArray) => string, bare = (line: string) => line): Quote[] {
    return this.#prose.flatMap((line, index) =>
      [...bare(line).matchAll(pattern)].map((match) => ({ text: pick(match), where: `${this.path}:${index + 1}` })),
    )
  }
}

/** All that is written for those who use and run the bridge. */
export const pages: readonly Page[] = globSync(['*.md', 'docs/*.md', 'test/bench/README.md'], { cwd: root })
  .sort()
  .map((path) => new Page(path))
