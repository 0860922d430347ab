/** Debian's Chromium, without a window. `foreign.test` and all names below it are this machine under the name of somebody else. */
import { type Browser, chromium } from 'playwright-core'

export const FOREIGN = 'foreign.test'

export async function startChromium(): Promise<Browser> {
  return await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--host-resolver-rules=MAP ${FOREIGN} 127.0.0.1, MAP *.${FOREIGN} 127.0.0.1`,
    ],
  })
}
