/**
 * Files that somebody else changes: certificates, the configuration. Says when it is time to look at them again; what they say, and whether it is
 * new, is the caller's affair.
 *
 * Folders are watched, not files: editors, renewals and Kubernetes replace files and links by others of the same name. A ConfigMap is mounted as
 * links through `..data`, itself a link into a folder with a time in its name; the kubelet writes a new folder and renames a new `..data`
 * over the old one. What a watch misses (a link into another folder, a network file system, no more inotify instances) the regular looks find.
 */
import { type FSWatcher, watch } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock, Timer } from './broker/clock.ts'

/** Milliseconds without a change: an update of several files and links has come to its end. */
const SETTLED_MS = 250
/** Milliseconds after which it is looked at all the same: there are folders in which something always changes. */
const RESTLESS_MS = 2_000
/** Milliseconds between two regular looks. */
const LOOK_MS = 60_000

export class FileWatch implements Disposable {
  readonly #clock: Clock
  readonly #look: () => void
  readonly #watchers = new Map<string, FSWatcher>()
  #settled: Timer | undefined
  #regular: Timer | undefined
  /** When the first change came that nobody has looked at; milliseconds since 1970. */
  #restless: number | undefined
  #isOver = false

  /** @param look called after changes have settled, and every minute; until disposed */
  constructor(paths: Iterable<string>, clock: Clock, look: () => void) {
    this.#clock = clock
    this.#look = look
    this.paths = paths
    this.#lookRegularly()
  }

  /** Other files, from now on. */
  set paths(paths: Iterable<string>) {
    const folders = new Set([...paths].map((path) => dirname(path)))
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue
      watcher.close()
      this.#watchers.delete(folder)
    }
    for (const folder of folders) if (!this.#isOver) this.#watch(folder)
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    this.#settled?.cancel()
    this.#regular?.cancel()
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #watch(folder: string): void {
    if (this.#watchers.has(folder)) return
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#changed())
      watcher.on('error', () => watcher.close())
      this.#watchers.set(folder, watcher)
    } catch {
      // The regular looks remain.
    }
  }

  #changed(): void {
    if (this.#isOver) return
    const now = this.#clock.now()
    this.#restless ??= now
    this.#settled?.cancel()
    const ms = Math.max(0, Math.min(SETTLED_MS, this.#restless + RESTLESS_MS - now))
    this.#settled = this.#clock.after(ms, () => {
      this.#restless = undefined
      this.#look()
    })
  }

  #lookRegularly(): void {
    this.#regular = this.#clock.after(LOOK_MS, () => {
      this.#lookRegularly()
      this.#look()
    })
  }
}
