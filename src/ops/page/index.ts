/**
 * The page of the ops port: where things are, how they stand, and on this machine a console to try the bridge with. One document, nothing from
 * elsewhere; its Content-Security-Policy lets it run its own script, ask this port, connect to the bridge, and nothing else.
 */
import { createHash } from 'node:crypto'
import type { Answer } from '../answer.ts'
import type { PageFacts } from '../parts.ts'
import { script } from './script.ts'
import { style } from './style.ts'

const LINKS = [
  ['/readyz?verbose', 'is it ready'],
  ['/metrics', 'for Prometheus'],
  ['/api/info', 'what runs here'],
  ['/api/connections', 'who is connected, the slowest first'],
  ['/api/subscriptions', 'to what'],
  ['/api/routes', 'from destinations to places in brokers'],
  ['/api/brokers', 'how the brokers are'],
  ['/api/config', 'the configuration in force'],
] as const

export function page(facts: PageFacts): Answer {
  return {
    status: 200,
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': policy(facts.websocket),
      'X-Frame-Options': 'DENY',
    },
    body: document(facts),
  }
}

/** Content Security Policy Level 3: what is not named may not be. */
function policy(websocket: string | undefined): string {
  const bridge = websocket === undefined ? '' : ` ${new URL(websocket).protocol}//${new URL(websocket).host}`
  return [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    `connect-src 'self'${bridge}`,
    // Without an icon of its own browsers would ask for one.
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

function hashOf(source: string): string {
  return `'sha256-${createHash('sha256').update(source).digest('base64')}'`
}

function document(facts: PageFacts): string {
  const links = LINKS.map(([path, what]) => `<li><a href="${path}">${path}</a> ${escapeHtml(what)}</li>`)
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>stomp-bridge</title>
<link rel="icon" href="data:,">
<style>${style}</style>
<h1>stomp-bridge ${escapeHtml(facts.version)}</h1>
<p>It is <span id="state">…</span></p>
<pre id="checks"></pre>
${facts.websocket === undefined ? closed() : desk(facts.websocket)}
<h2>Look</h2>
<ul>${links.join('\n')}</ul>
<script type="application/json" id="facts">${inScript(facts)}</script>
<script>${script}</script>
</html>
`
}

/** The console. */
function desk(websocket: string): string {
  return `<h2>Try it</h2>
<p>Browsers connect to <code>${escapeHtml(websocket)}</code>. So does this page:</p>
<form id="connecting">
<button id="connect">connect</button>
<input id="login" placeholder="login, if it needs one" autocomplete="off" aria-label="login">
<input id="passcode" type="password" placeholder="passcode" autocomplete="off" aria-label="passcode">
<button id="disconnect" type="button" disabled>disconnect</button>
</form>
<form id="subscribing">
<input id="destination" value="/topic/demo" aria-label="destination">
<button id="subscribe" disabled>subscribe</button>
</form>
<form id="sending">
<input id="body" value="hello" aria-label="message">
<button id="send" disabled>send</button>
</form>
<ol id="log"></ol>`
}

function closed(): string {
  return `<h2>Try it</h2>
<p>There is a console here while the bridge listens on a loopback address.</p>`
}

function escapeHtml(value: string): string {
  return value.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** HTML, Restrictions for contents of script elements: no `<` is left that could end it. */
function inScript(value: object): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c')
}
