/** The ranges and defaults of the router. */
import { completeOptions, type OptionRange } from '../options/ranges.ts'

export interface RoutingOptions {
  readonly failoverMax: number
  readonly staleAfterMs: number
  readonly tieRatio: number
  readonly tieMs: number
  readonly unmeasuredLatencyMs: number
  readonly inFlightFromHereMax: number
}

export const ROUTING_OPTIONS: Readonly<Record<keyof RoutingOptions, OptionRange>> = {
  failoverMax: {
    unit: 'count', min: 0, max: 16, default: 3,
    description: 'Further peers in the failover chain behind the chosen one. Larger: more queries survive failures; more load on peers while something is wrong.',
  },
  staleAfterMs: {
    unit: 'ms', min: 100, max: 3 * 3_600_000, default: 90_000,
    description: 'Load figures older than this (three intervals) put a peer behind those with fresh ones. Larger: choices rest on older figures.',
  },
  tieRatio: {
    unit: 'ratio', min: 0, max: 10, default: 0.2,
    description: 'Peers within this share of the best latency count as equally near. Larger: load spreads wider; queries travel further.',
  },
  tieMs: {
    unit: 'ms', min: 0, max: 1_000, default: 1,
    description: 'Peers within this of the best latency count as equally near, whatever the share. Larger: as tieRatio, where all are near.',
  },
  unmeasuredLatencyMs: {
    unit: 'ms', min: 0, max: 60_000, default: 200,
    description: 'Latency that an unmeasured peer is taken to have, or the worst measured one if that is more. Larger: newcomers start slower.',
  },
  inFlightFromHereMax: {
    unit: 'count', min: 1, max: 1_000_000, default: 512,
    description: 'Unfinished queries from here at which a peer takes no more. Larger: a slow peer collects more before others are tried.',
  },
}

/** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
export function parseRoutingOptions(input: Readonly<Partial<RoutingOptions>> = {}): RoutingOptions {
  return completeOptions('routing', ROUTING_OPTIONS, input)
}
