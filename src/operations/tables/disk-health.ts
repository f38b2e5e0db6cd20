/** Whether the tables can be written: what is wrong, since when, and when it is tried again. */
import { MeshError } from '../../errors.ts'
import type { Log } from '../../ports/log.ts'
import type { TablesSource } from '../types.ts'

type Problem = NonNullable<ReturnType<TablesSource['problem']>>

const RETRY_MS = 60_000

const CODES: Readonly<Record<string, Problem['code']>> = { ENOSPC: 'disk-full', EDQUOT: 'disk-full', EROFS: 'read-only', EACCES: 'read-only', EPERM: 'read-only' }

export class DiskHealth {
  readonly #log: Log
  #problem: Problem | null = null
  #retryAtMs = 0

  constructor(log: Log) {
    this.#log = log
  }

  get problem(): Problem | null {
    return this.#problem
  }

  canTry(nowMs: number): boolean {
    return this.#problem === null || nowMs >= this.#retryAtMs
  }

  /** `failures`: of one attempt at all files; none when it went well. */
  handleAttempt(failures: readonly unknown[], { nowMs, wallMs }: { readonly nowMs: number; readonly wallMs: number }): void {
    const [first] = failures
    if (first === undefined) {
      if (this.#problem !== null) this.#log.info({ problem: this.#problem }, 'the tables on disk are written again')
      this.#problem = null
      return
    }
    this.#retryAtMs = nowMs + RETRY_MS
    const { code: errno = '', message: text } = ofTheFileSystem(first)
    const code = CODES[errno] ?? 'unwritable'
    const message = `The tables cannot be written: ${text}. It is tried again each minute; the node goes on.`
    if (this.#problem?.code === code) return
    this.#problem = { code, message, sinceWallMs: wallMs }
    this.#log.warn({ err: first, code }, message)
  }
}

/** What an error of this project was made of. */
function ofTheFileSystem(error: unknown): NodeJS.ErrnoException {
  if (error instanceof MeshError && error.cause instanceof Error) return error.cause
  return error instanceof Error ? error : new Error(String(error))
}
