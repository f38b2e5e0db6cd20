/** Node's own metrics. They are of the process, so all its nodes share them; once started, they are never stopped. */
import { collectDefaultMetrics, Registry } from 'prom-client'

/** Each wake-up of an idle process costs about 0.1 ms of CPU: at prom-client's default of 10 ms that would be 1 % of a core. */
const EVENT_LOOP_PRECISION_MS = 100

/** Gauges called counters, which promtool refuses; those without the suffix tell the same by type. */
const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

let registry: Registry | null = null

export function processMetrics(): Registry {
  if (registry !== null) return registry
  registry = new Registry()
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS })
  for (const name of misnamed) registry.removeSingleMetric(name)
  return registry
}
