/** The open event streams: one heartbeat and one live state a second for all of them. */
import type { Clock, Timer } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { LiveStateView } from '../../wire/operations-views.ts'
import { EventBody } from './event-body.ts'
import type { EventFeed, FeedItem } from './event-feed.ts'

const stateIntervalMs = 1_000
const heartbeatIntervalMs = 15_000

export interface EventStreamsParts {
  readonly feed: EventFeed
  readonly live: { view(): LiveStateView }
  readonly clock: Clock
  readonly log: Log
}

export interface Subscription {
  /** With a live state each second in which it changed. */
  readonly withState: boolean
  readonly lastId: string | null
  /** Of those that are kept; without `lastId`. */
  readonly recent: number
}

interface Stream {
  readonly body: EventBody
  readonly withState: boolean
  /** The state that it was sent. */
  state: string
}

export class EventStreams {
  readonly #parts: EventStreamsParts
  readonly #streams = new Set<Stream>()
  #timer: Timer | null = null
  #heartbeatAtMs = 0
  /** An item is written as JSON once, whoever reads it. */
  #lastItem: FeedItem | null = null
  #lastJson = ''

  constructor(parts: EventStreamsParts) {
    this.#parts = parts
    parts.feed.subscribe((item) => { for (const { body } of this.#streams) this.#send(body, item) })
  }

  open({ withState, lastId, recent }: Subscription): EventBody {
    const { feed, log, clock } = this.#parts
    const body = new EventBody(() => { log.warn({}, 'a reader of the event stream is too slow and was cut off') })
    const stream: Stream = { body, withState, state: '' }
    this.#streams.add(stream)
    body.once('close', () => {
      this.#streams.delete(stream)
      if (this.#streams.size === 0) this.#stopTimer()
    })
    body.comment('open')
    const { items, isBroken } = lastId === null ? { items: feed.last(recent), isBroken: false } : feed.since(lastId)
    if (isBroken) body.send('lost', '{}')
    for (const item of items) this.#send(body, item)
    if (withState) this.#sendState(stream, ...this.#state())
    if (this.#timer === null) {
      this.#heartbeatAtMs = clock.nowMs() + heartbeatIntervalMs
      this.#arm()
    }
    return body
  }

  /** Each reader is told that it was the end, and not a broken connection. */
  close(): void {
    for (const { body } of this.#streams) {
      body.send('end', '{}')
      body.finish()
    }
    this.#stopTimer()
  }

  #send(body: EventBody, item: FeedItem): void {
    if (this.#lastItem !== item) {
      this.#lastItem = item
      this.#lastJson = JSON.stringify(item.data)
    }
    body.send(item.kind, this.#lastJson, item.id)
  }

  /** What is sent, and what of it tells whether it changed. */
  #state(): readonly [json: string, mark: string] {
    const { atWallMs, ...rest } = this.#parts.live.view()
    const mark = JSON.stringify(rest)
    return [`{"atWallMs":${atWallMs},${mark.slice(1)}`, mark]
  }

  #sendState(stream: Stream, json: string, mark: string): void {
    if (stream.state === mark) return
    stream.state = mark
    stream.body.send('state', json)
  }

  #arm(): void {
    this.#timer = this.#parts.clock.setTimer(stateIntervalMs, () => {
      this.#arm()
      this.#handleSecond()
    })
  }

  #handleSecond(): void {
    const nowMs = this.#parts.clock.nowMs()
    if (nowMs >= this.#heartbeatAtMs) {
      this.#heartbeatAtMs = nowMs + heartbeatIntervalMs
      for (const { body } of this.#streams) body.comment('')
    }
    const viewers = [...this.#streams].filter(({ withState }) => withState)
    if (viewers.length === 0) return
    const [json, mark] = this.#state()
    for (const stream of viewers) this.#sendState(stream, json, mark)
  }

  #stopTimer(): void {
    this.#timer?.cancel()
    this.#timer = null
  }
}
