/** All that a test file with a browser in it starts and stops. */
import type { Browser, Page } from 'playwright-core'
import { startChromium } from './chromium.ts'
import { Theater } from './driver.ts'
import { type PageServer, servePages } from './server.ts'

export class House implements AsyncDisposable {
  readonly #browser: Browser
  readonly #server: PageServer

  private constructor(browser: Browser, server: PageServer) {
    this.#browser = browser
    this.#server = server
  }

  static async open(): Promise<House> {
    return new House(await startChromium(), await servePages())
  }

  /** `http://HOST:PORT`, where the pages are. */
  origin(host: string): string {
    return `http://${host}:${this.#server.port}`
  }

  /** A page of its own, as in a private window. */
  async page(): Promise<Page> {
    return await this.#browser.newPage()
  }

  /** A page of localhost with stompjs in it. */
  async theater(): Promise<Theater> {
    return await Theater.build(await this.page(), `${this.origin('localhost')}/client`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close()
    await this.#server[Symbol.asyncDispose]()
  }
}
