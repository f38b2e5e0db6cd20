/** What HTTP tells whoever counts it. */
import type { ErrorCode } from '../../errors.ts'
import type { ConnectionEnd } from './connections.ts'
import type { PlaceKind } from './places.ts'

export interface EndedRequest {
  /** As it is written in docs/openapi.yaml but for its parameters, `/primary/:database`; null: there is no such route. */
  readonly route: string | null
  /** Null: whoever asked went before there was an answer. */
  readonly status: number | null
  /** From its arrival until the answer was sent or broken off; null for a stream of events, which has no end of its own. */
  readonly durationMs: number | null
}

export interface HttpObserver {
  handleRequest(request: EndedRequest): void
  handleRefusal(code: ErrorCode): void
  handleActive(kind: PlaceKind, count: number): void
  handleToken(outcome: 'wrong' | 'throttled'): void
  /** One that the node closed of its own accord. */
  handleConnectionEnd(reason: ConnectionEnd): void
}

/** Where nobody counts. */
export const UNOBSERVED: HttpObserver = { handleRequest: () => undefined, handleRefusal: () => undefined, handleActive: () => undefined, handleToken: () => undefined, handleConnectionEnd: () => undefined }
