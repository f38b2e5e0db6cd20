/** Node's own metrics. They are of the process, so all its nodes share them; once started, they are never stopped. */
import { collectDefaultMetrics, Registry } from 'prom-client'

/**
 * As good as never. prom-client's percentiles of the event loop's delay have the sampling interval in them, are reset by whoever reads them, and cost
 * 1 % of a core at its default of 10 ms. `reedbase_event_loop_delay_seconds` has none of that.
 */
const EVENT_LOOP_PRECISION_MS = 3_600_000
const eventLoopPercentiles = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'].map((figure) => `nodejs_eventloop_lag_${figure}_seconds`)
/** Gauges called counters, which promtool refuses; those without the suffix tell the same by type. */
const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

let registry: Registry | null = null

export function processMetrics(): Registry {
  if (registry !== null) return registry
  registry = new Registry()
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS })
  for (const name of [...eventLoopPercentiles, ...misnamed]) registry.removeSingleMetric(name)
  return registry
}
