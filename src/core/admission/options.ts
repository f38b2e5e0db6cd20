/** The ranges and defaults of admission: how many queries run at once, and how many may wait for a place. */
import { MeshError } from '../../errors.ts'
import { completeOptions, type OptionRange } from '../options/ranges.ts'

export interface AdmissionOptions {
  readonly limitMax: number
  readonly limitMin: number
  readonly limitInitial: number
  readonly rttTolerance: number
  readonly smoothingRatio: number
  readonly windowMs: number
  readonly windowSamplesMin: number
  readonly longTermMs: number
  readonly kindsMax: number
  readonly waitingMax: number
  readonly waitingPerClassMax: number
  readonly agingMs: number
}

export const ADMISSION_OPTIONS: Readonly<Record<keyof AdmissionOptions, OptionRange>> = {
  limitMax: {
    unit: 'count', min: 1, max: 10_000, default: 64,
    description: 'Highest that the limit of queries at once may rise to. Larger: fewer wait; each gets less of the host.',
  },
  limitMin: {
    unit: 'count', min: 1, max: 10_000, default: 4,
    description: 'Lowest that the limit may fall to; limitMax where that is less. Larger: more keep running while the host is slow; overload lasts longer.',
  },
  limitInitial: {
    unit: 'count', min: 1, max: 10_000, default: 20,
    description: 'The limit at the start; limitMax where that is less. Larger: full speed sooner after a start; service times are then learnt under more load.',
  },
  rttTolerance: {
    unit: 'ratio', min: 1, max: 10, default: 1.5,
    description: 'Service times may be this many times the long-term ones before the limit falls. Larger: more throughput; longer service times.',
  },
  smoothingRatio: {
    unit: 'ratio', min: 0.01, max: 1, default: 0.2,
    description: 'Weight of a new limit against the present one. Larger: the limit follows faster, and swings more.',
  },
  windowMs: {
    unit: 'ms', min: 10, max: 60_000, default: 1_000,
    description: 'Service times are judged once in this time at most. Larger: steadier; overload is noticed later.',
  },
  windowSamplesMin: {
    unit: 'count', min: 1, max: 10_000, default: 10,
    description: 'Queries that must have ended in a window before it is judged. Larger: steadier; slower where queries are few.',
  },
  longTermMs: {
    unit: 'ms', min: 1_000, max: 24 * 3_600_000, default: 600_000,
    description: 'Memory of the long-term service times. Larger: lasting overload is not taken for normal; slower data takes longer to be.',
  },
  kindsMax: {
    unit: 'count', min: 1, max: 100_000, default: 512,
    description: 'Kinds of query whose long-term service times are kept apart. Larger: more of a varied load counts; more memory.',
  },
  waitingMax: {
    unit: 'count', min: 0, max: 100_000, default: 16_384,
    description: 'Queries of all priorities that may wait for a place. Larger: longer bursts are borne; longer waits, more memory.',
  },
  waitingPerClassMax: {
    unit: 'count', min: 0, max: 100_000, default: 12_288,
    description: 'Queries of one priority that may wait. Larger: longer bursts of one priority are borne; it takes more of the common room.',
  },
  agingMs: {
    unit: 'ms', min: 10, max: 3_600_000, default: 2_000,
    description: 'A waiting query counts as one priority higher after each such time. Larger: priorities hold more strictly; low ones wait longer.',
  },
}

/** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
export function parseAdmissionOptions(input: Readonly<Partial<AdmissionOptions>> = {}): AdmissionOptions {
  const checked = completeOptions('admission', ADMISSION_OPTIONS, input)
  // Only a default gives way to a smaller bound; what was asked for is taken or refused.
  const limitMin = input.limitMin ?? Math.min(checked.limitMin, checked.limitMax)
  const limitInitial = input.limitInitial ?? Math.max(limitMin, Math.min(checked.limitInitial, checked.limitMax))
  if (limitMin > limitInitial || limitInitial > checked.limitMax) {
    throw new MeshError('ERR_OPTION_INVALID', `admission.limitMin (${limitMin}), limitInitial (${limitInitial}) and limitMax (${checked.limitMax}) must rise in this order`)
  }
  return Object.freeze({ ...checked, limitMin, limitInitial })
}
