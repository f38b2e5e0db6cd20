/** The ranges and defaults of two-hop routes. */
import { MeshError } from '../../errors.ts'
import { completeOptions, type OptionRange } from '../options/ranges.ts'

export interface TwoHopOptions {
  readonly recomputeIntervalMs: number
  readonly enterGainRatio: number
  readonly leaveGainRatio: number
  readonly gainMsMin: number
  readonly relayMs: number
  readonly legLossRatioMax: number
  readonly vectorAgeMsMax: number
  readonly vectorsMax: number
}

export const TWO_HOP_OPTIONS: Readonly<Record<keyof TwoHopOptions, OptionRange>> = {
  recomputeIntervalMs: {
    unit: 'ms', min: 100, max: 3_600_000, default: 60_000,
    description: 'Time between two looks at all routes; a failed path is looked at at once. Larger: less work; a faster way, or a healed one, is taken later.',
  },
  enterGainRatio: {
    unit: 'ratio', min: 0, max: 0.95, default: 0.2,
    description: 'A relay is taken where it saves more than this share of the direct round trip. Larger: fewer queries are relayed; more time is left on the table.',
  },
  leaveGainRatio: {
    unit: 'ratio', min: 0, max: 0.95, default: 0.1,
    description: 'A relay is kept while it saves at least this share, and gives way to another that is better by more than this. Larger: routes follow changes sooner; they change more often.',
  },
  gainMsMin: {
    unit: 'ms', min: 0, max: 10_000, default: 5,
    description: 'A relay must save at least this much, whatever the share. Larger: no relays within a site; small gains are left.',
  },
  relayMs: {
    unit: 'ms', min: 0, max: 1_000, default: 1,
    description: 'What passing a query on is taken to cost a relay. Larger: relays are taken where they save more.',
  },
  legLossRatioMax: {
    unit: 'ratio', min: 0, max: 0.9, default: 0.5,
    description: 'A path that loses more of its round trips is no part of a route. Larger: worse detours around a broken path are taken.',
  },
  vectorAgeMsMax: {
    unit: 'ms', min: 100, max: 3 * 3_600_000, default: 90_000,
    description: 'What a peer told about its paths counts for this long (three load intervals). Larger: a lost announcement costs no route; routes rest on older figures.',
  },
  vectorsMax: {
    unit: 'count', min: 1, max: 100_000, default: 1_000,
    description: 'Peers whose paths are remembered; those of more are not. Larger: more relays to choose from; more memory (at most 10 kB each).',
  },
}

/** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
export function parseTwoHopOptions(input: Readonly<Partial<TwoHopOptions>> = {}): TwoHopOptions {
  const options = completeOptions('twoHop', TWO_HOP_OPTIONS, input)
  if (options.leaveGainRatio > options.enterGainRatio) {
    throw new MeshError('ERR_OPTION_INVALID', `twoHop.leaveGainRatio (${options.leaveGainRatio}) must not be above twoHop.enterGainRatio (${options.enterGainRatio})`)
  }
  return options
}
