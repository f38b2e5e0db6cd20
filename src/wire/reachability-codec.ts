/**
 * `/reedbase/reachability/1.0`: an empty question, and one JSON object in a frame as the answer: which members the answerer does not reach
 * directly. Paths that work are only counted, so that an answer stays small in a mesh of any size.
 */
import type { PathFinding } from '../core/membership/types.ts'
import { peerIdPattern } from './cluster.ts'

export const REACHABILITY_PROTOCOL = '/reedbase/reachability/1.0'
export const REACHABILITY_ANSWER_BYTES_MAX = 32 << 10
/** Paths in one answer; a member that has lost more is cut off, and one that is cut off does not answer. */
export const REACHABILITY_PATHS_MAX = 128

const findings: readonly PathFinding[] = ['unknown', 'direct', 'inbound-only', 'indirect-only', 'stream-only', 'none']

export interface TroubledPath {
  readonly peerId: string
  readonly finding: PathFinding
  /** How long it has been so. */
  readonly forMs: number
  readonly lostInARow: number
}

export interface ReachabilityAnswer {
  readonly troubled: readonly TroubledPath[]
  /** Beyond `REACHABILITY_PATHS_MAX`. */
  readonly omitted: number
}

export type ReachabilityDecoded = { readonly ok: true; readonly value: ReachabilityAnswer } | { readonly ok: false; readonly reason: string }

/** Keeps the first paths, and counts the rest. */
export function encodeReachability(troubled: readonly TroubledPath[]): Uint8Array {
  const told = troubled.slice(0, REACHABILITY_PATHS_MAX)
  const paths = told.map(({ peerId, finding, forMs, lostInARow }) => [peerId, finding, Math.round(forMs), lostInARow])
  return Buffer.from(JSON.stringify({ paths, omitted: troubled.length - told.length }))
}

/** Never throws. */
export function decodeReachability(bytes: Uint8Array): ReachabilityDecoded {
  if (bytes.length > REACHABILITY_ANSWER_BYTES_MAX) return { ok: false, reason: 'too long' }
  let message: unknown
  try {
    message = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return { ok: false, reason: 'not JSON' }
  }
  const { paths, omitted } = (typeof message === 'object' && message !== null ? message : {}) as { readonly paths?: unknown; readonly omitted?: unknown }
  if (!Array.isArray(paths) || paths.length > REACHABILITY_PATHS_MAX || !isCount(omitted)) return { ok: false, reason: 'no list of paths' }
  const troubled: TroubledPath[] = []
  for (const path of paths as readonly unknown[]) {
    const [peerId, finding, forMs, lostInARow] = Array.isArray(path) ? path as readonly unknown[] : []
    const known = findings.find((candidate) => candidate === finding)
    if (typeof peerId !== 'string' || !peerIdPattern.test(peerId) || known === undefined || !isCount(forMs) || !isCount(lostInARow)) return { ok: false, reason: 'a path that is none' }
    troubled.push({ peerId, finding: known, forMs, lostInARow })
  }
  return { ok: true, value: { troubled, omitted } }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
