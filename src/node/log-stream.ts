/**
 * What `rdb monitor` shows: the events and the log of a running node, live. The log is tapped in front of the logger, so a monitor may ask
 * for lines below the level that the node itself logs at; while nobody watches, a line costs one comparison.
 *
 * Each watcher has a queue of its own, of bounded length. A slow one loses the newest lines and is told how many, in their place; it never
 * holds the node back.
 */
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { EventView, LogLineLevel, MonitorLine } from '../wire/control.ts'

export const MONITOR_LINES_MAX = 1_024
/** Of the fields of one line, as JSON; larger ones are left out. */
export const MONITOR_FIELDS_BYTES_MAX = 8 << 10
const messageCharactersMax = 2_000

const severities: Readonly<Record<LogLineLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }
const levels = Object.keys(severities) as readonly LogLineLevel[]

interface Watcher {
  readonly severity: number
  readonly queue: MonitorLine[]
  lost: number
  wake: (() => void) | null
  readonly gone: PromiseWithResolvers<void>
}

export class LogStream {
  readonly #clock: Clock
  readonly #watchers = new Set<Watcher>()
  /** The least severity that anybody wants. */
  #severityMin = Infinity
  #ended = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A log that goes on to `log` and is watched on its way. */
  tap(log: Log, bound: object = {}): Log {
    const method = (level: LogLineLevel) => (fields: object, message: string): void => {
      log[level](fields, message)
      if (severities[level] >= this.#severityMin) this.#handleLine(level, { ...bound, ...fields }, message)
    }
    return {
      ...Object.fromEntries(levels.map((level) => [level, method(level)])) as Pick<Log, LogLineLevel>,
      child: (fields) => this.tap(log.child(fields), { ...bound, ...fields }),
    }
  }

  handleEvent(event: EventView): void {
    for (const watcher of this.#watchers) push(watcher, { kind: 'event', event })
  }

  /** Events, and log lines at least as severe as `level`, from now on. Leaving the loop ends the watch. */
  subscribe(level: LogLineLevel, signal?: AbortSignal): AsyncIterableIterator<MonitorLine> {
    const watcher: Watcher = { severity: severities[level], queue: [], lost: 0, wake: null, gone: Promise.withResolvers() }
    this.#watchers.add(watcher)
    this.#weigh()
    return this.#iterate(watcher, signal)
  }

  /** Tells every watcher that the node stops; resolves when they have read it, or after `boundMs`. */
  async end(reason: string, boundMs: number): Promise<void> {
    this.#ended = true
    const gone = Promise.all([...this.#watchers].map((watcher) => watcher.gone.promise))
    for (const watcher of this.#watchers) {
      // Beyond the bound, because it is the last.
      tellLoss(watcher)
      watcher.queue.push({ kind: 'end', reason })
      watcher.wake?.()
    }
    const bound = Promise.withResolvers<void>()
    const timer = this.#clock.setTimer(boundMs, bound.resolve)
    await Promise.race([gone, bound.promise])
    timer.cancel()
  }

  #handleLine(level: LogLineLevel, fields: object, message: string): void {
    // Events come as events.
    if ('event' in fields) return
    const line: MonitorLine = {
      kind: 'log', atWallMs: Math.round(this.#clock.wallMs()), level, fields: plainFields(fields),
      message: message.length <= messageCharactersMax ? message : `${message.slice(0, messageCharactersMax)}…`,
    }
    for (const watcher of this.#watchers) if (severities[level] >= watcher.severity) push(watcher, line)
  }

  async *#iterate(watcher: Watcher, signal: AbortSignal | undefined): AsyncGenerator<MonitorLine, void, void> {
    const wakeUp = (): void => watcher.wake?.()
    signal?.addEventListener('abort', wakeUp)
    try {
      while (signal?.aborted !== true) {
        const line = watcher.queue.shift()
        if (line !== undefined) yield line
        else if (watcher.lost > 0) tellLoss(watcher)
        else if (this.#ended) return
        else {
          await new Promise<void>((resolve) => { watcher.wake = resolve })
          watcher.wake = null
        }
      }
    } finally {
      signal?.removeEventListener('abort', wakeUp)
      this.#watchers.delete(watcher)
      this.#weigh()
      watcher.gone.resolve()
    }
  }

  #weigh(): void {
    this.#severityMin = Math.min(Infinity, ...[...this.#watchers].map(({ severity }) => severity))
  }
}

function push(watcher: Watcher, line: MonitorLine): void {
  // Room for the word about what was lost, in its place, and for the line after it.
  const room = MONITOR_LINES_MAX - watcher.queue.length - (watcher.lost > 0 ? 1 : 0)
  if (room > 0) {
    tellLoss(watcher)
    watcher.queue.push(line)
  } else watcher.lost++
  watcher.wake?.()
}

function tellLoss(watcher: Watcher): void {
  if (watcher.lost === 0) return
  watcher.queue.push({ kind: 'lost', count: watcher.lost })
  watcher.lost = 0
}

/** As JSON has them; errors with what a reader needs of them. */
function plainFields(fields: object): Readonly<Record<string, unknown>> {
  let json: string
  try {
    json = JSON.stringify(fields, (_key, value: unknown) => {
      if (value instanceof Error) return { ...('code' in value ? { code: value.code } : {}), message: value.message }
      return typeof value === 'bigint' ? String(value) : value
    })
  } catch (error) {
    return { fieldsUnprintable: error instanceof Error ? error.message : String(error) }
  }
  const bytes = Buffer.byteLength(json)
  return bytes <= MONITOR_FIELDS_BYTES_MAX ? JSON.parse(json) as Record<string, unknown> : { fieldsOmittedBytes: bytes }
}
