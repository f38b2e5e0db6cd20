/** The ranges and defaults of the load machine. */
import { MeshError } from '../../errors.ts'
import { completeOptions, type OptionRange } from '../options/ranges.ts'
import type { LoadThresholds } from './types.ts'

export interface LoadOptions extends LoadThresholds {
  readonly intervalMs: number
}

export const LOAD_OPTIONS: Readonly<Record<keyof LoadOptions, OptionRange>> = {
  cpuPercent: {
    unit: 'percent', min: 1, max: 100, default: 80,
    description: 'CPU at or above which the node is overloaded. Larger: more queries run here; they wait longer under load.',
  },
  memoryPercent: {
    unit: 'percent', min: 1, max: 100, default: 90,
    description: 'Memory at or above which the node is overloaded. Larger: more queries run here; the risk of being killed for lack of memory rises.',
  },
  leaveMarginPercent: {
    unit: 'percent', min: 0, max: 50, default: 5,
    description: 'Points below its threshold at which a measure no longer counts as overloaded. Larger: less flapping; overload lasts longer.',
  },
  dwellMs: {
    unit: 'ms', min: 0, max: 600_000, default: 10_000,
    description: 'How long a measure must stay that low. Larger: less flapping; overload lasts longer.',
  },
  intervalMs: {
    unit: 'ms', min: 100, max: 3_600_000, default: 30_000,
    description: 'Time between two snapshots told to everyone; a change of overload is told at once. Larger: less gossip; peers choose by older figures.',
  },
}

/** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
export function parseLoadOptions(input: Readonly<Partial<LoadOptions>> = {}): LoadOptions {
  const options = completeOptions('load', LOAD_OPTIONS, input)
  if (options.leaveMarginPercent >= Math.min(options.cpuPercent, options.memoryPercent)) {
    throw new MeshError('ERR_OPTION_INVALID', `load.leaveMarginPercent (${options.leaveMarginPercent}) must be below both thresholds, or overload could never end`)
  }
  return options
}
