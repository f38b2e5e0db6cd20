/**
 * The only home of membership's defaults, units and ranges. The CLI flags, the configuration file and docs/OPTIONS.md derive
 * from `MEMBERSHIP_OPTIONS`; `parseMembershipOptions` refuses what does not fit and never clamps.
 *
 * The `lan` and `wan` columns start from memberlist's profiles of the same names, which a decade of use has settled; `local` is
 * for several nodes on one host.
 */
import { MeshError } from '../../errors.ts'

export interface MembershipOptions {
  readonly probeIntervalMs: number
  readonly ackTimeoutMs: number
  readonly ackTimeoutFloorMs: number
  readonly indirectProbes: number
  readonly suspicionMultiplier: number
  readonly suspicionMaxMultiplier: number
  readonly localHealthMax: number
  readonly observers: number
  readonly gossipIntervalMs: number
  readonly gossipFanout: number
  readonly retransmitMultiplier: number
  readonly evidenceProbesMax: number
  readonly reconnectIntervalMs: number
  readonly tombstoneRetentionMs: number
  readonly stallToleranceMs: number
  readonly membersMax: number
}

export type MembershipPreset = 'lan' | 'wan' | 'local'

export interface MembershipOptionSpec {
  readonly unit: 'ms' | 'count' | 'factor'
  readonly min: number
  readonly max: number
  readonly presets: Readonly<Record<MembershipPreset, number>>
  /** One or two sentences: what it is, what rises and what falls when it grows. */
  readonly description: string
}

const HOUR_MS = 3_600_000

export const MEMBERSHIP_OPTIONS: Readonly<Record<keyof MembershipOptions, MembershipOptionSpec>> = {
  probeIntervalMs: {
    unit: 'ms', min: 50, max: 600_000, presets: { lan: 1000, wan: 5000, local: 500 },
    description: 'SWIM protocol period: one member is probed in each. Larger: fewer packets; slower detection, in proportion.',
  },
  ackTimeoutMs: {
    unit: 'ms', min: 10, max: 300_000, presets: { lan: 500, wan: 3000, local: 200 },
    description: 'Longest wait for a direct ack before helpers are asked. Larger: fewer needless ping-requests on slow paths; less of the period is left to the helpers.',
  },
  ackTimeoutFloorMs: {
    unit: 'ms', min: 1, max: 300_000, presets: { lan: 100, wan: 500, local: 50 },
    description: 'Shortest wait for a direct ack once the round trip is known. Larger: pauses of the other process cause fewer ping-requests; helpers are asked later.',
  },
  indirectProbes: {
    unit: 'count', min: 0, max: 16, presets: { lan: 3, wan: 3, local: 1 },
    description: 'Helpers asked to ping a member that did not answer (k of SWIM). Larger: fewer false suspicions under loss; more packets per missed ack.',
  },
  suspicionMultiplier: {
    unit: 'factor', min: 1, max: 100, presets: { lan: 4, wan: 6, local: 3 },
    description: 'Shortest length of a suspicion in units of max(1, log10 N) periods. Larger: fewer false failures; crashes without hard evidence are declared later, in proportion.',
  },
  suspicionMaxMultiplier: {
    unit: 'factor', min: 1, max: 100, presets: { lan: 6, wan: 6, local: 6 },
    description: 'A suspicion that nobody confirms lasts so many times as long. Larger: an accuser that is itself slow does less harm; a hung process with few probers is declared later.',
  },
  localHealthMax: {
    unit: 'count', min: 0, max: 64, presets: { lan: 8, wan: 8, local: 8 },
    description: 'Highest score of the local health, whose successor multiplies probe interval and timeouts. Larger: a slow node accuses less; it also detects later.',
  },
  observers: {
    unit: 'count', min: 1, max: 32, presets: { lan: 10, wan: 10, local: 10 },
    description: 'Members that watch a suspect and can end the suspicion early, either way (K of Rapid). Larger: verdicts rest on more views; more packets per suspicion.',
  },
  gossipIntervalMs: {
    unit: 'ms', min: 10, max: 60_000, presets: { lan: 200, wan: 500, local: 100 },
    description: 'Pause between gossip packets while there is news. Larger: fewer, fuller packets; news spreads slower.',
  },
  gossipFanout: {
    unit: 'count', min: 0, max: 32, presets: { lan: 3, wan: 4, local: 3 },
    description: 'Members that each gossip tick is sent to. Larger: news spreads faster; more packets while there is news.',
  },
  retransmitMultiplier: {
    unit: 'factor', min: 1, max: 32, presets: { lan: 4, wan: 4, local: 3 },
    description: 'λ: each update is sent λ·⌈log10(N+1)⌉ times by each member. Larger: news survives more loss; more bytes per change.',
  },
  evidenceProbesMax: {
    unit: 'count', min: 1, max: 256, presets: { lan: 8, wan: 8, local: 8 },
    description: 'Probes caused by evidence that may run at once; more wait in line. Larger: a mass crash is seen sooner; a bigger burst of packets.',
  },
  reconnectIntervalMs: {
    unit: 'ms', min: 100, max: 24 * HOUR_MS, presets: { lan: 30_000, wan: 60_000, local: 10_000 },
    description: 'Each failed member is retried about once in this time by the whole mesh together. Larger: fewer dials to the dead; partitions heal later.',
  },
  tombstoneRetentionMs: {
    unit: 'ms', min: 60_000, max: 720 * HOUR_MS, presets: { lan: 24 * HOUR_MS, wan: 24 * HOUR_MS, local: 24 * HOUR_MS },
    description: 'How long failed and left members are remembered. Must far exceed convergence. Larger: longer partitions heal unaided and stale gossip revives nobody; more memory.',
  },
  stallToleranceMs: {
    unit: 'ms', min: 10, max: 600_000, presets: { lan: 500, wan: 2000, local: 250 },
    description: 'A timer that runs later than this means that this node itself was stalled, and it judges nobody by what it missed. Larger: short stalls accuse others; smaller: a busy node detects later.',
  },
  membersMax: {
    unit: 'count', min: 2, max: 100_000, presets: { lan: 10_000, wan: 10_000, local: 10_000 },
    description: 'Members remembered, tombstones included; when full the oldest tombstone goes first, then newcomers are refused. Larger: room for more; more memory in the worst case.',
  },
}

export const MEMBERSHIP_OPTION_NAMES = Object.keys(MEMBERSHIP_OPTIONS) as ReadonlyArray<keyof MembershipOptions>

/**
 * Completes options from a preset, checks them and freezes them.
 *
 * @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID
 */
export function parseMembershipOptions(input: Readonly<Partial<MembershipOptions>> = {}, preset: MembershipPreset = 'lan'): MembershipOptions {
  for (const name of Object.keys(input)) {
    if (!Object.hasOwn(MEMBERSHIP_OPTIONS, name)) throw new MeshError('ERR_OPTION_UNKNOWN', `membership.${name} is not an option`)
  }
  const options = Object.fromEntries(MEMBERSHIP_OPTION_NAMES.map((name) => {
    const spec = MEMBERSHIP_OPTIONS[name]
    const value = input[name] ?? spec.presets[preset]
    const wrongForm = typeof value !== 'number' || !Number.isFinite(value) || (spec.unit === 'count' && !Number.isInteger(value))
    if (wrongForm || value < spec.min || value > spec.max) {
      throw new MeshError('ERR_OPTION_INVALID', `membership.${name} is ${String(value)}; it must be ${spec.unit === 'count' ? 'an integer' : 'a number'} from ${spec.min} to ${spec.max}`)
    }
    return [name, value]
  })) as unknown as MembershipOptions
  if (options.ackTimeoutMs >= options.probeIntervalMs) {
    throw new MeshError('ERR_OPTION_INVALID', `membership.ackTimeoutMs (${options.ackTimeoutMs}) must be below membership.probeIntervalMs (${options.probeIntervalMs}): helpers are asked in what is left of the period`)
  }
  if (options.ackTimeoutFloorMs > options.ackTimeoutMs) {
    throw new MeshError('ERR_OPTION_INVALID', `membership.ackTimeoutFloorMs (${options.ackTimeoutFloorMs}) must not exceed membership.ackTimeoutMs (${options.ackTimeoutMs})`)
  }
  return Object.freeze(options)
}
