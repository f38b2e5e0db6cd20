/** The ranges and defaults of what a node learns from its own queries. */
import { MeshError } from '../../errors.ts'
import { completeOptions, type OptionRange } from '../options/ranges.ts'

export interface FeedbackOptions {
  readonly decayMs: number
  readonly priorMs: number
  readonly brokenPenaltyMs: number
  readonly refusedFactor: number
  readonly slowStartMs: number
  readonly warmthMin: number
  readonly probesMax: number
  readonly probeAgeMsMax: number
  readonly probeUsesMax: number
  readonly probesPerQuery: number
  readonly removalsPerQuery: number
  readonly probesUnderWayMax: number
  readonly probeTimeoutMs: number
  readonly peersMax: number
}

export const FEEDBACK_OPTIONS: Readonly<Record<keyof FeedbackOptions, OptionRange>> = {
  decayMs: {
    unit: 'ms', min: 100, max: 600_000, default: 10_000,
    description: 'Time in which a remembered response time falls to 1/e. Larger: a peer that was slow is avoided longer; one that has recovered is found later.',
  },
  priorMs: {
    unit: 'ms', min: 0, max: 60_000, default: 200,
    description: 'Response time that is assumed of a peer that failed before it ever answered. Larger: such a peer is tried again later.',
  },
  brokenPenaltyMs: {
    unit: 'ms', min: 0, max: 600_000, default: 1_000,
    description: 'Response time, at least, that a broken query counts as. Larger: a peer that breaks queries is avoided longer; one accident costs it more.',
  },
  refusedFactor: {
    unit: 'ratio', min: 1, max: 100, default: 2,
    description: 'A refused query counts as an answer that took this many times as long as its answers do. Larger: a peer that refuses is avoided longer; load moves in larger swings.',
  },
  slowStartMs: {
    unit: 'ms', min: 0, max: 3_600_000, default: 30_000,
    description: 'Time in which a newcomer or a returning peer comes to its whole share. Larger: cold caches meet less load; new capacity helps later.',
  },
  warmthMin: {
    unit: 'ratio', min: 0.001, max: 1, default: 0.1,
    description: 'Share of its fair part that a newcomer starts with. Larger: it is measured sooner; it meets more load while cold.',
  },
  probesMax: {
    unit: 'count', min: 1, max: 1_024, default: 16,
    description: 'Probes that are kept. Larger: a wider choice; the figures in it are older.',
  },
  probeAgeMsMax: {
    unit: 'ms', min: 10, max: 60_000, default: 1_000,
    description: 'Age at which a probe is of no use. Larger: fewer probes suffice; choices rest on older figures.',
  },
  probeUsesMax: {
    unit: 'count', min: 1, max: 1_000, default: 4,
    description: 'Queries that one probe may attract. Larger: fewer probes suffice; more queries follow one good figure.',
  },
  probesPerQuery: {
    unit: 'ratio', min: 0, max: 16, default: 3,
    description: 'Probes sent for each query; a fraction is saved up. Larger: fresher figures; more messages.',
  },
  removalsPerQuery: {
    unit: 'ratio', min: 0, max: 16, default: 1,
    description: 'Probes dropped with each query, the worst and the oldest in turn; a fraction is saved up. Larger: bad and old figures leave sooner; the choice is narrower.',
  },
  probesUnderWayMax: {
    unit: 'count', min: 1, max: 1_024, default: 32,
    description: 'Probes that may be unanswered at one time. Larger: fresher figures where answers are slow; more messages.',
  },
  probeTimeoutMs: {
    unit: 'ms', min: 10, max: 60_000, default: 1_000,
    description: 'Time after which an unanswered probe is given up. Larger: slow answers still count; silent peers hold up other probes longer.',
  },
  peersMax: {
    unit: 'count', min: 1, max: 100_000, default: 10_000,
    description: 'Peers that are remembered; of further ones nothing is learnt. Larger: more memory.',
  },
}

/** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
export function parseFeedbackOptions(input: Readonly<Partial<FeedbackOptions>> = {}): FeedbackOptions {
  const options = completeOptions('feedback', FEEDBACK_OPTIONS, input)
  if (options.brokenPenaltyMs < options.priorMs) {
    throw new MeshError('ERR_OPTION_INVALID', `feedback.brokenPenaltyMs (${options.brokenPenaltyMs}) must not be below feedback.priorMs (${options.priorMs}), or a peer that breaks queries would look better than a stranger`)
  }
  return options
}
