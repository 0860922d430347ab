/** A web server for one page: the page's script, and stompjs and sockjs-client as npm has them. On 127.0.0.1, under whatever name it is asked for. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface PageServer extends AsyncDisposable {
  readonly port: number
}

const PAGE = '<!doctype html><meta charset="utf-8"><title>stomp-bridge</title>'
const CLIENT_PAGE = `${PAGE}
<script type="importmap">{ "imports": { "@stomp/stompjs": "/stompjs/index.js" } }</script>
<script src="/sockjs.js"></script>
<script type="module" src="/page.js"></script>`
const PAGE_SCRIPT = new URL('./page.js', import.meta.url)
const SOCKJS = new URL('../dist/sockjs.js', import.meta.resolve('sockjs-client'))
const STOMPJS = new URL('.', import.meta.resolve('@stomp/stompjs'))

/** `/` is an empty page, `/client` one with the script that the driver talks to. */
export async function servePages(): Promise<PageServer> {
  const server = createServer(async ({ url = '/' }, response) => {
    const send = (status: number, type: string, content: string | Buffer): void => {
      // For modules that a page of another origin imports.
      response.writeHead(status, { 'Content-Type': type, 'Access-Control-Allow-Origin': '*' })
      response.end(content)
    }
    const module = /^\/stompjs\/([\w/-]+\.js)$/.exec(url)?.[1]
    if (url === '/') send(200, 'text/html', PAGE)
    else if (url === '/client') send(200, 'text/html', CLIENT_PAGE)
    else if (url === '/sockjs.js') send(200, 'text/javascript', await readFile(SOCKJS))
    else if (url === '/page.js') send(200, 'text/javascript', await readFile(PAGE_SCRIPT))
    else if (module !== undefined) send(200, 'text/javascript', await readFile(new URL(module, STOMPJS)))
    else send(404, 'text/plain', 'not here')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
