/** What has been opened, to be closed in reverse order: one that fails does not keep the others from closing. */
import type { Log } from '../ports/log.ts'

export class Closers {
  readonly #log: Log
  readonly #closers: Array<{ readonly what: string; readonly close: () => Promise<void> | void }> = []

  constructor(log: Log) {
    this.#log = log
  }

  add(what: string, close: () => Promise<void> | void): void {
    this.#closers.push({ what, close })
  }

  async close(): Promise<void> {
    for (let next = this.#closers.pop(); next !== undefined; next = this.#closers.pop()) {
      try {
        await next.close()
      } catch (error) {
        this.#log.warn({ err: error, what: next.what }, `${next.what} did not close cleanly`)
      }
    }
  }
}
