/** Thrown mistakes of brokers and routes, as faults of the configuration. */
import { FieldError } from '../broker/errors.ts'
import { ConfigError, type Fault, type Path } from './errors.ts'

/**
 * @param thrown a FieldError, an AggregateError of them, or a ConfigError
 * @param base the path of what was checked, e.g. `['brokers', 'rabbit']`; put before each fault's own
 * @throws `thrown` itself when it is anything else: that is no operator's mistake
 */
export function faultsOf(thrown: unknown, base: Path = []): Fault[] {
  if (thrown instanceof FieldError) return [{ path: [...base, ...thrown.path], message: thrown.message }]
  if (thrown instanceof ConfigError) return thrown.faults.map((fault) => ({ ...fault, path: [...base, ...fault.path] }))
  if (thrown instanceof AggregateError) return thrown.errors.flatMap((error) => faultsOf(error, base))
  throw thrown
}
