import type { TextOutput } from '../context.ts'
import { formatCount, formatDuration } from '../format.ts'

const firstAfterMs = 500
const intervalMs = 200
const clearLine = '\r\u001b[K'

/** A line on a terminal's stderr while a query takes long: elapsed time and rows so far. Gone when it ends. */
export class Progress {
  readonly #output: TextOutput
  readonly #nowMs: () => number
  readonly #startedMs: number
  /** Rows on the same terminal are progress enough, and the two would overwrite each other. */
  readonly #endsWithFirstRow: boolean
  #timer: NodeJS.Timeout | null = null
  #rows = 0
  #shown = false

  constructor({ output, nowMs, sharesTerminal }: { readonly output: TextOutput; readonly nowMs: () => number; readonly sharesTerminal: boolean }) {
    this.#output = output
    this.#nowMs = nowMs
    this.#startedMs = nowMs()
    this.#endsWithFirstRow = sharesTerminal
    if (output.isTerminal) this.#timer = setInterval(() => this.#show(), intervalMs)
  }

  /** Await it before the rows are written: on a shared terminal the line must be gone by then. */
  async addRows(rows: number): Promise<void> {
    this.#rows += rows
    if (this.#endsWithFirstRow && rows > 0) await this.end()
  }

  async end(): Promise<void> {
    this.#stop()
    await this.pause()
  }

  /** Takes the line away until the next tick, for something else to be written. */
  async pause(): Promise<void> {
    if (this.#shown) await this.#output.write(clearLine)
    this.#shown = false
  }

  #stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  #show(): void {
    const elapsedMs = this.#nowMs() - this.#startedMs
    if (elapsedMs < firstAfterMs) return
    this.#shown = true
    const rows = this.#rows === 0 ? 'no rows yet' : `${formatCount(this.#rows)} rows`
    // A stderr that has gone away needs no progress; the command's own writes report it.
    this.#output.write(`${clearLine}${formatDuration(elapsedMs)}, ${rows}, Ctrl-C cancels`).catch(() => this.#stop())
  }
}
