/** `stomp-bridge schema`: the JSON Schema of the configuration, for editors. The same as config/schema.json of this version. */
import { authenticators } from '../auth/index.ts'
import { adapters } from '../bridge/index.ts'
import { jsonSchema } from '../config/jsonschema.ts'
import { routingFields } from '../routing/build.ts'
import type { Arguments } from './arguments.ts'
import { EXIT, type Host } from './command.ts'

/** The text of config/schema.json. */
export function schemaText(): string {
  return `${JSON.stringify(jsonSchema(adapters, routingFields, authenticators), undefined, 2)}\n`
}

export function schema(_: Arguments, { stdout }: Host): number {
  stdout.write(schemaText())
  return EXIT.ok
}
