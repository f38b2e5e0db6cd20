/** The ranges and defaults of outlier ejection. */
import { MeshError } from '../../errors.ts'
import { completeOptions, type OptionRange } from '../options/ranges.ts'

export interface OutlierOptions {
  readonly consecutiveFailures: number
  readonly intervalMs: number
  readonly baseEjectionMs: number
  readonly ejectionMsMax: number
  readonly ejectedShareMax: number
  readonly successQueriesMin: number
  readonly successPeersMin: number
  readonly successDeviations: number
  readonly latencyFactor: number
  readonly latencyMarginMs: number
  readonly latencyQueriesMin: number
  readonly latencyPeersMin: number
  readonly peersMax: number
}

export const OUTLIER_OPTIONS: Readonly<Record<keyof OutlierOptions, OptionRange>> = {
  consecutiveFailures: {
    unit: 'count', min: 1, max: 1_000, default: 5,
    description: 'Broken queries in a row at which a peer is ejected. Larger: fewer ejections by accident; more queries break first.',
  },
  intervalMs: {
    unit: 'ms', min: 100, max: 3_600_000, default: 10_000,
    description: 'Time between two comparisons of the peers. Larger: surer judgements; outliers are found later.',
  },
  baseEjectionMs: {
    unit: 'ms', min: 100, max: 3_600_000, default: 30_000,
    description: 'How long a first ejection lasts; the n-th lasts n times as long. Larger: a sick peer breaks fewer queries; one that has recovered is missing longer.',
  },
  ejectionMsMax: {
    unit: 'ms', min: 100, max: 24 * 3_600_000, default: 300_000,
    description: 'How long an ejection lasts at most. Larger: a peer that stays sick breaks fewer queries; its recovery is noticed later.',
  },
  ejectedShareMax: {
    unit: 'ratio', min: 0, max: 1, default: 0.3,
    description: 'Share of a database\'s peers that may be out at once; one always may, unless it is the only one. Larger: more sick peers are avoided; the rest carry more.',
  },
  successQueriesMin: {
    unit: 'count', min: 1, max: 1_000_000, default: 100,
    description: 'Queries in an interval from which a peer\'s success rate is judged. Larger: surer judgements; peers with little traffic are never judged.',
  },
  successPeersMin: {
    unit: 'count', min: 3, max: 1_000, default: 5,
    description: 'Peers with so many queries from which success rates are compared. Larger: surer judgements; small meshes are never judged.',
  },
  successDeviations: {
    unit: 'ratio', min: 0.1, max: 10, default: 1.9,
    description: 'Standard deviations below the mean success rate at which a peer is ejected. Larger: fewer ejections; only worse peers are found.',
  },
  latencyFactor: {
    unit: 'ratio', min: 1.1, max: 1_000, default: 5,
    description: 'Times the others\' median at which a peer is too slow. Larger: fewer ejections; only slower peers are found.',
  },
  latencyMarginMs: {
    unit: 'ms', min: 0, max: 600_000, default: 500,
    description: 'Time above the others\' median at which a peer is too slow, whatever the factor. Larger: far peers are safe; peers slow by less are left to the strategy.',
  },
  latencyQueriesMin: {
    unit: 'count', min: 1, max: 1_000_000, default: 20,
    description: 'Answers for a database in an interval from which a peer\'s latency is judged. Larger: surer judgements; a peer that is already avoided is not judged.',
  },
  latencyPeersMin: {
    unit: 'count', min: 3, max: 1_000, default: 3,
    description: 'Peers with so many answers from which latencies are compared. Larger: surer judgements; small meshes are never judged.',
  },
  peersMax: {
    unit: 'count', min: 1, max: 100_000, default: 10_000,
    description: 'Peers that are watched; further ones are never ejected. Larger: more memory.',
  },
}

/** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
export function parseOutlierOptions(input: Readonly<Partial<OutlierOptions>> = {}): OutlierOptions {
  const options = completeOptions('outliers', OUTLIER_OPTIONS, input)
  if (options.ejectionMsMax < options.baseEjectionMs) {
    throw new MeshError('ERR_OPTION_INVALID', `outliers.ejectionMsMax (${options.ejectionMsMax}) must not be below outliers.baseEjectionMs (${options.baseEjectionMs}), which is the first ejection's time`)
  }
  return options
}
