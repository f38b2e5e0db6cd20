/** Requests over HTTP, counted by the server as they end. */
import { Gauge, Histogram, Registry } from 'prom-client'
import type { ErrorCode } from '../../errors.ts'
import type { ConnectionEnd } from '../http/connections.ts'
import type { EndedRequest, HttpObserver } from '../http/http-observer.ts'
import type { PlaceKind } from '../http/places.ts'
import type { ObservedDefinition } from './definition.ts'
import { Tally } from './tally.ts'

const routeLabel = 'route: its pattern, such as /primary/:database, or none where there is no such path.'

const definitions = {
  requests: { name: 'reedbase_http_requests_total', type: 'counter', unit: 'count', labels: ['route', 'status'], help: `Requests over HTTP that ended. ${routeLabel} status: 2xx, 3xx, 4xx or 5xx, or none where who asked went before an answer.` },
  durations: {
    name: 'reedbase_http_request_duration_seconds', type: 'histogram', unit: 'seconds', labels: ['route'], buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1, 5, 30],
    help: `Time from the arrival of a request over HTTP to the end of its answer, its reader's pauses included; without event streams. ${routeLabel}`,
  },
  refusals: { name: 'reedbase_http_refusals_total', type: 'counter', unit: 'count', labels: ['code'], help: 'Requests over HTTP that were answered with an error. code: that of docs/ERRORS.md.' },
  active: { name: 'reedbase_http_requests_active', type: 'gauge', unit: 'count', labels: ['kind'], help: 'Requests under way that take one of the places of http.requestsMax, which each kind has for itself. kind: query (or explain) or event-stream.' },
  tokens: { name: 'reedbase_http_wrong_tokens_total', type: 'counter', unit: 'count', labels: ['outcome'], help: 'Wrong tokens over HTTP. outcome: wrong, or throttled (not looked at, since too many wrong ones came from that address).' },
  connectionEnds: { name: 'reedbase_http_connections_closed_total', type: 'counter', unit: 'count', labels: ['reason'], help: 'Connections of HTTP that the node closed of its own accord. reason: stalled (its reader took nothing for too long), full (idle, and made way for a new one) or refused (a new one, with no room for it).' },
} as const satisfies Readonly<Record<string, ObservedDefinition>>

export const httpMetrics: readonly ObservedDefinition[] = Object.values(definitions)

const NONE = 'none'

/** A node without HTTP has none of the series. */
export class HttpMetrics implements HttpObserver {
  readonly registry = new Registry()
  readonly #requests = new Tally(definitions.requests, this.registry)
  readonly #refusals = new Tally(definitions.refusals, this.registry)
  readonly #tokens = new Tally(definitions.tokens, this.registry)
  readonly #connectionEnds = new Tally(definitions.connectionEnds, this.registry)
  readonly #durations: Histogram
  readonly #active: Gauge

  constructor() {
    const { durations, active } = definitions
    this.#durations = new Histogram({ name: durations.name, help: durations.help, labelNames: durations.labels, buckets: [...durations.buckets], registers: [this.registry] })
    this.#active = new Gauge({ name: active.name, help: active.help, labelNames: active.labels, registers: [this.registry] })
    for (const outcome of ['wrong', 'throttled']) this.#tokens.add(0, outcome)
    for (const reason of ['stalled', 'full', 'refused']) this.#connectionEnds.add(0, reason)
  }

  handleRequest({ route, status, durationMs }: EndedRequest): void {
    this.#requests.add(1, route ?? NONE, status === null ? NONE : `${Math.floor(status / 100)}xx`)
    if (durationMs !== null) this.#durations.observe({ route: route ?? NONE }, durationMs / 1000)
  }

  handleRefusal(code: ErrorCode): void {
    this.#refusals.add(1, code)
  }

  handleActive(kind: PlaceKind, count: number): void {
    this.#active.set({ kind }, count)
  }

  handleToken(outcome: 'wrong' | 'throttled'): void {
    this.#tokens.add(1, outcome)
  }

  handleConnectionEnd(reason: ConnectionEnd): void {
    this.#connectionEnds.add(1, reason)
  }
}
