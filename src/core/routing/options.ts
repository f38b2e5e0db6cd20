/** The ranges and defaults of the router. */
import { MeshError } from '../../errors.ts'
import { completeOptions, type OptionRange } from '../options/ranges.ts'

export interface RoutingOptions {
  readonly failoverMax: number
  readonly staleAfterMs: number
  readonly tieRatio: number
  readonly tieMs: number
  readonly tieMsMax: number
  readonly unmeasuredLatencyMs: number
  readonly inFlightFromHereMax: number
  readonly scanMax: number
  readonly loadHalfLifeMs: number
  readonly shareMin: number
  readonly shareFullAt: number
  readonly slowRatio: number
  readonly slowedRatio: number
  readonly slowMarginMs: number
  readonly slowSharePerSecond: number
  readonly reliefRatio: number
  readonly slowTrialMs: number
  readonly slowTrialMsMax: number
  readonly spillBelow: number
  readonly adaptiveLoadWeight: number
  readonly adaptiveLatencyWeight: number
  readonly adaptiveResourceWeight: number
  readonly adaptiveLocalityWeight: number
  readonly probesMin: number
  readonly probeShare: number
  readonly hotQuantile: number
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
  tieMsMax: {
    unit: 'ms', min: 0, max: 60_000, default: 20,
    description: 'Where queries take long, peers whose way is longer by up to tieRatio of that count as equally near, but not by more than this. Larger: long queries are shared out over more distant copies.',
  },
  unmeasuredLatencyMs: {
    unit: 'ms', min: 0, max: 60_000, default: 200,
    description: 'Latency that an unmeasured peer is taken to have, or the worst measured one if that is more. Larger: newcomers start slower.',
  },
  inFlightFromHereMax: {
    unit: 'count', min: 1, max: 1_000_000, default: 16_384,
    description: 'Unfinished queries from here at which a peer takes no more. Larger: a slow peer collects more before others are tried.',
  },
  scanMax: {
    unit: 'count', min: 1, max: 1_000, default: 3,
    description: 'Candidates up to which a strategy compares all of them rather than two picked at random. Larger: better choices while figures are fresh; more senders choose the same peer while they are not.',
  },
  loadHalfLifeMs: {
    unit: 'ms', min: 10, max: 3_600_000, default: 5_000,
    description: 'Age at which a reported number of queries in flight counts half, the mean of all candidates taking the other half. Larger: old figures steer more; senders that share them herd more.',
  },
  shareMin: {
    unit: 'ratio', min: 0, max: 1, default: 0.5,
    description: 'Part of the reads that a node at its threshold forwards to healthy peers. Larger: relief comes sooner; more queries travel, and load may swing between nodes.',
  },
  shareFullAt: {
    unit: 'ratio', min: 0.01, max: 1, default: 0.5,
    description: 'How far between its threshold and 100 % a node forwards all reads; in between the share grows in proportion. Larger: the share grows more slowly, and more queries wait here.',
  },
  slowRatio: {
    unit: 'ratio', min: 1.1, max: 1_000, default: 3,
    description: 'Reads begin to leave a node where they take this many times as long as elsewhere, and all leave at half as much again. Peers that are as much slower than the others get no read that has a better place. Larger: slow copies keep more of their clients; different queries on different nodes are taken for slowness less often.',
  },
  slowedRatio: {
    unit: 'ratio', min: 1.1, max: 1_000, default: 2,
    description: 'The same where queries have just become slower than usual: all reads leave at once. Larger: a node that slows down keeps its clients waiting longer; fewer false alarms.',
  },
  slowMarginMs: {
    unit: 'ms', min: 0, max: 60_000, default: 50,
    description: 'By which queries must take longer here than elsewhere, whatever the ratio. Larger: short queries stay on a slow node; fewer travel for little.',
  },
  slowSharePerSecond: {
    unit: 'ratio', min: 0.001, max: 100, default: 0.2,
    description: 'By which the share that leaves a slow node may change in a second. Larger: a slow copy is left, and returned to, sooner; load may swing between nodes.',
  },
  reliefRatio: {
    unit: 'ratio', min: 1, max: 1_000, default: 2,
    description: 'Where all copies are overloaded, reads leave for one where they would be done this many times sooner. Larger: each copy works off its own queue; a copy that all clients ask waits while others could help.',
  },
  slowTrialMs: {
    unit: 'ms', min: 1, max: 600_000, default: 1_000,
    description: 'Time after which, where all reads leave a slow node, one stays to see how long it takes; doubled after each that was slow again. Larger: fewer queries meet a slow copy; its recovery is found later.',
  },
  slowTrialMsMax: {
    unit: 'ms', min: 1, max: 3_600_000, default: 15_000,
    description: 'The longest such time. Larger: as slowTrialMs.',
  },
  spillBelow: {
    unit: 'ratio', min: 0.01, max: 1, default: 0.3,
    description: 'Strategy locality: idle part of a rack or datacenter below which queries begin to leave it. Larger: spill-over starts earlier, with more room left and longer ways.',
  },
  adaptiveLoadWeight: {
    unit: 'ratio', min: 0, max: 1, default: 0.3,
    description: 'Strategy adaptive: weight of queries in flight for each unit of capacity. Larger: busy peers are avoided more, whatever the rest says.',
  },
  adaptiveLatencyWeight: {
    unit: 'ratio', min: 0, max: 1, default: 0.3,
    description: 'Strategy adaptive: weight of the way there. Larger: far peers are avoided more, whatever the rest says.',
  },
  adaptiveResourceWeight: {
    unit: 'ratio', min: 0, max: 1, default: 0.2,
    description: 'Strategy adaptive: weight of the scarcer of CPU and memory. Larger: peers short of either are avoided more, whatever the rest says.',
  },
  adaptiveLocalityWeight: {
    unit: 'ratio', min: 0, max: 1, default: 0.2,
    description: 'Strategy adaptive: weight of the place, same rack before same datacenter before the rest. Larger: queries stay nearer, whatever the rest says.',
  },
  probesMin: {
    unit: 'count', min: 1, max: 1_000, default: 2,
    description: 'Strategy probe-pool: candidates with a usable probe below which it chooses as peak-ewma does. Larger: rests on probes only where there are many.',
  },
  probeShare: {
    unit: 'ratio', min: 0.01, max: 1, default: 0.34,
    description: 'Strategy probe-pool: share of the usable probes, at random, that takes part in a choice; scanMax at least. Larger: better choices while probes are fresh; more senders choose the same peer.',
  },
  hotQuantile: {
    unit: 'ratio', min: 0, max: 1, default: 0.84,
    description: 'Strategy probe-pool: quantile of queries in flight above which a candidate is hot and avoided. Larger: latency decides more, load less.',
  },
}

/** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
export function parseRoutingOptions(input: Readonly<Partial<RoutingOptions>> = {}): RoutingOptions {
  const options = completeOptions('routing', ROUTING_OPTIONS, input)
  if (options.adaptiveLoadWeight + options.adaptiveLatencyWeight + options.adaptiveResourceWeight + options.adaptiveLocalityWeight === 0) {
    throw new MeshError('ERR_OPTION_INVALID', 'the weights of routing.adaptive… are all 0; at least one must be above')
  }
  return options
}
