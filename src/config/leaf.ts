/**
 * What one scalar option is: its default, how it is read, and its one line of documentation. Knows none of them by name.
 *
 * Defaults are texts, as an operator would write them: what is read from here, from a file, from the environment or from a flag goes through
 * the same reader. (convict turns a text into the type of the default: a default of 10000 would make `10s` a 10.)
 */
import type { Reader } from './read.ts'

export interface Leaf<V> extends Reader<V> {
  readonly default: string
  /** One line for default.yaml and the JSON Schema. */
  readonly doc: string
}

export interface Tree {
  readonly [name: string]: Leaf<unknown> | Tree
}

/** The values of a tree of leaves. */
export type Values<T> = T extends Leaf<infer V> ? V : { readonly [K in keyof T]: Values<T[K]> }

export function isLeaf(node: Leaf<unknown> | Tree): node is Leaf<unknown> {
  return typeof node.read === 'function'
}

export const leaf = <V>(standard: string, { read, json }: Reader<V>, doc: string): Leaf<V> => ({
  default: standard,
  read,
  json,
  doc,
})

/** Milliseconds. */
export const SECOND = 1000
export const HOUR = 3600 * SECOND
/** Bytes. */
export const KIB = 1024
export const MIB = 1024 * KIB
export const GIB = 1024 * MIB
/** More than anybody will have of anything. */
export const MANY = 1_000_000_000
