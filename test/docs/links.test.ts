/** Whatever the pages point to is there. */
import { existsSync } from 'node:fs'
import { join, normalize } from 'node:path'
import { expect, test } from 'vitest'
import { Page, pages, root } from './pages.ts'

test.each(pages.map((page) => [page.path, page] as const))('every link of %s leads somewhere', (path, page) => {
  const broken = page.links().filter(({ text }) => {
    if (/^[a-z]+:/.test(text)) return false
    const [file = '', anchor] = text.split('#')
    const target = file === '' ? path : normalize(join(path, '..', file))
    if (!existsSync(join(root, target))) return true
    return anchor !== undefined && !new Page(target).anchors().has(anchor)
  })
  expect(broken).toEqual([])
})

/** Folders of the checkout whose files are named in text. */
const PLACE = /^(?:config|deploy|docs|src|test)\/[\w./-]+$/

test.each(pages.map((page) => [page.path, page] as const))('every file that %s names exists', (_, page) => {
  const missing = page.code().filter(({ text }) => PLACE.test(text) && !existsSync(join(root, text)))
  expect(missing).toEqual([])
})
