/** The configuration in force and what was made of it: one object for the life of a bridge. A reload writes here; all others look, and keep nothing. */
import type { LoadResult } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { Plan } from './plan.ts'

/** What a configuration was read from. */
export type Loaded = Pick<LoadResult, 'hash' | 'files' | 'effective'>

export interface Current {
  config: Config
  plan: Plan
  /** undefined: nobody can say. */
  loaded: Loaded | undefined
  /** Milliseconds since 1970. */
  loadedAt: number
}
