/**
 * Posts alerts to a URL: in order, one at a time, again after a growing pause when nobody takes them, and never more than a bounded number
 * waiting. Whoever receives them tells repetitions apart by `id`.
 */
import type { Clock, Timer } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { AlertView } from '../../wire/operations-views.ts'

const waitingMax = 100
const requestTimeoutMs = 10_000
const pauseMsMin = 1_000
const pauseMsMax = 300_000
/** Old news is no news. */
const staleAfterMs = 3_600_000

export interface WebhookParts {
  readonly url: string
  readonly node: { readonly peerId: string; readonly name: string }
  readonly clock: Clock
  readonly log: Log
  readonly post?: typeof fetch
}

interface Delivery {
  readonly id: string
  readonly alert: AlertView
  readonly sinceMs: number
}

export class Webhook {
  readonly #parts: WebhookParts
  readonly #waiting: Delivery[] = []
  readonly #stopped = new AbortController()
  #isPosting = false
  #failures = 0
  #timer: Timer | null = null
  #sent = 0
  /** `dropped`: not taken for an hour, or too many waited. */
  readonly counters = { delivered: 0, failures: 0, dropped: 0 }

  constructor(parts: WebhookParts) {
    this.#parts = parts
  }

  get waiting(): number {
    return this.#waiting.length
  }

  send(alert: AlertView): void {
    if (this.#stopped.signal.aborted) return
    if (this.#waiting.length >= waitingMax) {
      this.#waiting.shift()
      this.counters.dropped++
    }
    const { clock, node } = this.#parts
    this.#waiting.push({ id: `${node.peerId}-${clock.wallMs()}-${++this.#sent}`, alert, sinceMs: clock.nowMs() })
    this.#next()
  }

  /** Gives up what waits, and the request that is under way. */
  stop(): void {
    this.#stopped.abort()
    this.#timer?.cancel()
    this.counters.dropped += this.#waiting.length
    this.#waiting.length = 0
  }

  #next(): void {
    const [first] = this.#waiting
    if (first === undefined || this.#isPosting || this.#timer !== null || this.#stopped.signal.aborted) return
    this.#isPosting = true
    this.#post(first).then(() => { this.#handleOutcome(first, null) }, (error: unknown) => { this.#handleOutcome(first, error) })
  }

  async #post({ id, alert }: Delivery): Promise<void> {
    const { url, node, post = fetch } = this.#parts
    const response = await post(url, {
      method: 'POST', headers: { 'content-type': 'application/json', 'user-agent': 'reedbase-mesh' }, body: JSON.stringify({ version: 1, id, node, alert }),
      // It is told where alerts go, and follows nobody elsewhere.
      redirect: 'error', signal: AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(requestTimeoutMs)]),
    })
    await response.body?.cancel()
    if (!response.ok) throw new Error(`it answered ${response.status}`)
  }

  #handleOutcome(delivery: Delivery, error: unknown): void {
    this.#isPosting = false
    if (this.#stopped.signal.aborted) return
    const { clock, log } = this.#parts
    if (error === null) {
      this.counters.delivered++
      this.#failures = 0
      this.#take(delivery)
      this.#next()
      return
    }
    this.counters.failures++
    this.#failures++
    if (clock.nowMs() - delivery.sinceMs >= staleAfterMs) {
      this.#take(delivery)
      this.counters.dropped++
      log.warn({ err: error, rule: delivery.alert.rule }, 'an alert was not taken by the webhook for an hour, and is given up')
    } else if (this.#failures === 1) log.warn({ err: error, rule: delivery.alert.rule }, 'the webhook did not take an alert; it is tried again')
    this.#timer = clock.setTimer(Math.min(pauseMsMax, pauseMsMin * 2 ** (this.#failures - 1)), () => {
      this.#timer = null
      this.#next()
    })
  }

  /** Where it still waits; a full line may have pushed it out. */
  #take(delivery: Delivery): void {
    if (this.#waiting[0] === delivery) this.#waiting.shift()
  }
}
