/** The ranges and defaults of the latency machine. */
import { MeshError } from '../../errors.ts'
import { completeOptions, type OptionRange } from '../options/ranges.ts'

export interface LatencyOptions {
  readonly pingIntervalMs: number
  readonly pingTimeoutMs: number
  readonly firstPingDelayMsMax: number
  readonly retryPingMs: number
  readonly firstAnswers: number
  readonly concurrentPingsMax: number
  readonly peersMax: number
}

export const LATENCY_OPTIONS: Readonly<Record<keyof LatencyOptions, OptionRange>> = {
  pingIntervalMs: {
    unit: 'ms', min: 100, max: 3_600_000, default: 30_000,
    description: 'Time between two pings of one peer, ±10 %. Larger: less traffic; latency and status lag further behind.',
  },
  pingTimeoutMs: {
    unit: 'ms', min: 10, max: 60_000, default: 5_000,
    description: 'A ping unanswered for this long is a failure. Larger: slow paths count as alive; dead ones are noticed later.',
  },
  firstPingDelayMsMax: {
    unit: 'ms', min: 0, max: 60_000, default: 250,
    description: 'A newcomer is first pinged within this time, at random. Larger: no burst when many join at once; their latency is known later.',
  },
  retryPingMs: {
    unit: 'ms', min: 10, max: 60_000, default: 1_000,
    description: 'Pause after a failed ping; doubles with each further failure up to the interval. Larger: less traffic to the dead; slower verdicts.',
  },
  firstAnswers: {
    unit: 'count', min: 1, max: 100, default: 4,
    description: 'Until a newcomer has answered so often it is pinged each retryPingMs, since routing rests on the figure. Larger: more traffic when many join; one slow first answer weighs less.',
  },
  concurrentPingsMax: {
    unit: 'count', min: 1, max: 1_024, default: 32,
    description: 'Pings under way at once; more wait in line. Larger: rounds end sooner when many peers do not answer; larger bursts.',
  },
  peersMax: {
    unit: 'count', min: 1, max: 100_000, default: 10_000,
    description: 'Peers measured at once; more are not measured. Larger: more memory (about 1 kB each).',
  },
}

/** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
export function parseLatencyOptions(input: Readonly<Partial<LatencyOptions>> = {}): LatencyOptions {
  const options = completeOptions('latency', LATENCY_OPTIONS, input)
  if (options.pingTimeoutMs >= options.pingIntervalMs) {
    throw new MeshError('ERR_OPTION_INVALID', `latency.pingTimeoutMs (${options.pingTimeoutMs}) must be below latency.pingIntervalMs (${options.pingIntervalMs})`)
  }
  return options
}
