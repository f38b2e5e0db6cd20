/** Puts the metrics of a node together; loaded with the node, since whoever asks for figures later wants those from its start. */
import type { NodeInspection } from '../../node/inspection.ts'
import { type ApplicationMetrics, ApplicationRegistry } from './application-metrics.ts'
import { HttpMetrics } from './http.ts'
import type { Libp2pMetrics } from './libp2p-metrics.ts'
import { NodeMetrics } from './node-metrics.ts'
import { processMetrics } from './process-metrics.ts'

export interface StartedMetrics {
  readonly metrics: NodeMetrics
  readonly application: ApplicationMetrics
  readonly http: HttpMetrics
}

/** Ends with the node. */
export function startMetrics(inspection: NodeInspection, libp2p: Libp2pMetrics): StartedMetrics {
  const application = new ApplicationRegistry()
  const http = new HttpMetrics()
  const metrics = new NodeMetrics({
    inspection, others: [http.registry, application.registry, libp2p.registry, processMetrics()], connectionBytes: () => libp2p.bytes(), seriesDropped: () => application.seriesDropped,
  })
  return { metrics, application, http }
}
