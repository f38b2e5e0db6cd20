/**
 * The stream of what happens, and the way back to it. `EventSource` would tell neither why it was refused nor wait longer each time; so the
 * stream is fetched and taken apart by a parser, and the last event's id is said when it is fetched again.
 */
import { createParser } from 'eventsource-parser'
import type { EventView } from '../../../wire/event-views.ts'
import type { AlertView, LiveStateView, QueryRecord } from '../../../wire/operations-views.ts'
import type { Connection } from './dashboard-state.ts'
import { retryDelayMs } from './retry-delay.ts'

const STREAM_PATH = '/api/v1/events?state=1'
/** The node says something each second, and a comment each 15 s at the least. */
const SILENCE_MAX_MS = 40_000
/** One event of a large mesh. */
const EVENT_CHARACTERS_MAX = 16 << 20

export interface StreamReader {
  /** The oldest first. */
  readonly state: (states: readonly LiveStateView[]) => void
  readonly mesh: (events: readonly EventView[]) => void
  readonly query: (queries: readonly QueryRecord[]) => void
  readonly alert: (alerts: readonly AlertView[]) => void
  readonly connection: (connection: Connection) => void
  /** Each time that it stands, before the first event. */
  readonly connected: () => void
}

export class LiveStream {
  readonly #reader: StreamReader
  #lastEventId: string | null = null
  #wake: (() => void) | null = null

  constructor(reader: StreamReader) {
    this.#reader = reader
    addEventListener('online', () => this.retryNow())
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.retryNow()
    })
  }

  /** Ends a wait. */
  retryNow(): void {
    this.#wake?.()
  }

  async run(): Promise<never> {
    let attempt = 0
    for (;;) {
      this.#reader.connection({ phase: 'connecting', attempt })
      const outcome = await this.#attempt()
      // One that stood starts over with short waits.
      attempt = outcome.stood ? 1 : attempt + 1
      if (outcome.isRefused) {
        this.#reader.connection({ phase: 'signed-out', problem: outcome.problem })
        await this.#wait(null)
      } else {
        const delayMs = retryDelayMs(attempt, Math.random())
        this.#reader.connection({ phase: 'waiting', attempt, retryAtMs: Date.now() + delayMs, problem: outcome.problem })
        await this.#wait(delayMs)
      }
    }
  }

  #wait(delayMs: number | null): Promise<void> {
    return new Promise((resolve) => {
      const timer = delayMs === null ? undefined : setTimeout(() => this.#wake?.(), delayMs)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = null
        resolve()
      }
    })
  }

  async #attempt(): Promise<{ readonly stood: boolean; readonly isRefused: boolean; readonly problem: string }> {
    const abort = new AbortController()
    let silence = setTimeout(() => abort.abort(), SILENCE_MAX_MS)
    let stood = false
    try {
      const response = await fetch(STREAM_PATH, {
        headers: { accept: 'text/event-stream', ...(this.#lastEventId === null ? {} : { 'last-event-id': this.#lastEventId }) }, signal: abort.signal, cache: 'no-store',
      })
      if (response.status === 401) return { stood, isRefused: true, problem: 'This node asks for a token.' }
      if (!response.ok || response.body === null) return { stood, isRefused: false, problem: `The node answered with status ${response.status}.` }
      stood = true
      this.#reader.connection({ phase: 'live' })
      this.#reader.connected()
      const batch = new Batch()
      const parser = createParser({ onEvent: ({ id, event, data }) => {
        if (id !== undefined) this.#lastEventId = id
        batch.add(event, data)
      }, maxBufferSize: EVENT_CHARACTERS_MAX })
      for (const chunks = response.body.pipeThrough(new TextDecoderStream()).getReader(); ;) {
        const { done, value } = await chunks.read()
        if (done) return { stood, isRefused: false, problem: 'The node ended the connection.' }
        clearTimeout(silence)
        silence = setTimeout(() => abort.abort(), SILENCE_MAX_MS)
        parser.feed(value)
        batch.passTo(this.#reader)
      }
    } catch {
      return { stood, isRefused: false, problem: abort.signal.aborted ? 'Nothing was heard from the node for 40 s.' : stood ? 'The connection broke.' : 'The node cannot be reached.' }
    } finally {
      clearTimeout(silence)
      abort.abort()
    }
  }
}

/** What one chunk brought, for one change of the state. */
class Batch {
  #states: LiveStateView[] = []
  #mesh: EventView[] = []
  #queries: QueryRecord[] = []
  #alerts: AlertView[] = []

  add(event: string | undefined, data: string): void {
    if (event === 'state') this.#states.push(JSON.parse(data) as LiveStateView)
    else if (event === 'mesh') this.#mesh.push(JSON.parse(data) as EventView)
    else if (event === 'query') this.#queries.push(JSON.parse(data) as QueryRecord)
    else if (event === 'alert') this.#alerts.push(JSON.parse(data) as AlertView)
    // A later node may tell more.
  }

  passTo(reader: StreamReader): void {
    const [states, mesh, queries, alerts] = [this.#states, this.#mesh, this.#queries, this.#alerts]
    this.#states = []
    this.#mesh = []
    this.#queries = []
    this.#alerts = []
    if (mesh.length > 0) reader.mesh(mesh)
    if (queries.length > 0) reader.query(queries)
    if (alerts.length > 0) reader.alert(alerts)
    if (states.length > 0) reader.state(states)
  }
}
