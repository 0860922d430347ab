/** What every command is given, and the numbers it may end with. */

/** The process, as far as a command may touch it. main.ts makes it from the real one. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: Output
  readonly stderr: Output
  readonly stdin: Input
  /** Aborted when the process is asked to stop. */
  readonly stop: AbortSignal
  /** From now on SIGHUP calls `reload`; else it ends the process. */
  onHangup(reload: () => void): void
  /** From now on an error that nobody caught is handed to `report` before the process exits with 70. */
  onCrash(report: (error: Error) => void): void
}

export interface Output {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** Standard input. Nothing is read before somebody iterates. */
export interface Input extends AsyncIterable<Uint8Array | string> {
  readonly isTTY?: boolean
  /** Of a terminal: keys come one by one and are not shown. */
  setRawMode?(raw: boolean): unknown
}

/** Exit codes; 64 and above are those of sysexits.h. */
export const EXIT = { ok: 0, failed: 1, usage: 64, internal: 70, config: 78 } as const

/** The command line is wrong: told with a pointer to --help, exit code 64. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
