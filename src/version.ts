/** This bridge's version, from package.json, which lies one folder above both src/ and dist/. */
import { readFileSync } from 'node:fs'

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

export const version: string = manifest.version
