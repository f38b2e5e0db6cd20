/**
 * A node with everything around it that people and their tools look at. The parts look on; none of them can keep the node from starting or
 * serving, but what was asked for by name and cannot be had, such as a port for HTTP, is refused at the start.
 */
import { isTelemetryRegistered } from '../client/client-span.ts'
import type { InspectedNode, MeshNode } from '../node/mesh-node.ts'
import { type NodeOrigin, startNode } from '../node/node.ts'
import type { NodeOptions } from '../node/options.ts'
import { NO_PLUGINS, type NodePlugins } from '../node/plugins.ts'
import type { Log } from '../ports/log.ts'
import type { Tracing } from '../ports/tracing.ts'
import { Alerts } from './alerts/alerts.ts'
import { loadProtection, type Protection } from './http/protection.ts'
import { withMeshDatabase } from './mesh-database/with-mesh-database.ts'
import type { MeshEngine } from './mesh-database/mesh-engine.ts'
import type { ApplicationMetrics } from './metrics/application-metrics.ts'
import type { Libp2pMetrics } from './metrics/libp2p-metrics.ts'
import type { OpenTracing } from './traces/open-telemetry.ts'
import { tracedLog } from './traces/traced-log.ts'

export interface OperatedNode extends MeshNode {
  /** URL of its HTTP server; null where none runs. */
  readonly http: string | null
  /** Metrics of the program, beside the node's own. */
  readonly metrics: ApplicationMetrics
}

/** @throws MeshError as `startNode`, and what keeps a part from starting that was asked for */
export async function startOperatedNode(options: NodeOptions, { log, plugins = NO_PLUGINS, origin = null }: { readonly log: Log; readonly plugins?: NodePlugins; readonly origin?: NodeOrigin | null }): Promise<OperatedNode> {
  // Before anything is opened: a port beyond loopback without its files is a mistake of the options.
  const protection = options.http.listen === 'off' ? null : await loadProtection(options.http, log)
  const libp2pMetrics = (await import('./metrics/libp2p-metrics.ts')).createLibp2pMetrics()
  const { meshEngine, plugins: withMesh } = withMeshDatabase(plugins, log)
  const traces = await openTraces(options)
  const node = await startNode(options, {
    log: traces === null ? log : tracedLog(log, traces.traceId), plugins: { ...withMesh, libp2pMetrics: libp2pMetrics.component, tracing: traces?.tracing }, origin,
  })
  if (traces !== null) node.inspection.onClose('traces', () => traces.stop())
  try {
    return await operate(node, { libp2pMetrics, meshEngine, protection, tracing: traces?.tracing ?? null })
  } catch (error) {
    await node.stop('its operations did not start')
    throw error
  }
}

/** To where it is configured, or to the program's own SDK where it has registered one; null: nothing is traced, and nothing loaded for it. */
async function openTraces({ traces: { endpoint, sampleRatio }, name, cluster }: NodeOptions): Promise<OpenTracing | null> {
  if (endpoint === null && !isTelemetryRegistered()) return null
  const { createTracing, openOtlp, programTracer } = await import('./traces/open-telemetry.ts')
  return createTracing(endpoint === null ? programTracer() : await openOtlp({ endpoint, sampleRatio, node: { name, cluster } }))
}

interface OperatedParts {
  readonly libp2pMetrics: Libp2pMetrics
  readonly meshEngine: MeshEngine
  readonly protection: Protection | null
  readonly tracing: Tracing | null
}

/** Each part registers its own end with `inspection.onClose`. */
async function operate({ inspection, ...node }: InspectedNode, { libp2pMetrics, meshEngine, protection, tracing }: OperatedParts): Promise<OperatedNode> {
  const { metrics, application, http } = (await import('./metrics/start-metrics.ts')).startMetrics(inspection, libp2pMetrics)
  const tables = inspection.options.tables.isWritten ? (await import('./tables/start-tables.ts')).startTables({ inspection, metrics }) : null
  metrics.tables = tables
  // Nobody waits for it.
  if (tables !== null) void (await import('./tables/restored-latency.ts')).restoreLatency({ inspection })
  const alerts = new Alerts(inspection, tables)
  inspection.announceAlerts(() => alerts.list())
  inspection.onClose('alerts', () => alerts.stop())
  metrics.alerts = alerts
  meshEngine.bind({ inspection, alerts, clock: inspection.clock, dataDir: inspection.dataDir, flush: async () => { await tables?.flush() } })
  // A node without HTTP does not load it.
  if (protection !== null) {
    const { startHttp } = await import('./http/http-server.ts')
    await startHttp({ inspection, metrics, alerts, tables, observer: http, tracing, files: async () => await (await import('./dashboard/dashboard-files.ts')).dashboardFiles() }, protection)
  }
  return { ...node, http: inspection.status().http, metrics: application }
}
