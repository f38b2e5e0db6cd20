/**
 * A node with everything around it that people and their tools look at. The parts look on; none of them can keep the node from starting or
 * serving, but what was asked for by name and cannot be had, such as a port for HTTP, is refused at the start.
 */
import { type InspectedNode, type MeshNode, startNode } from '../node/node.ts'
import type { NodeOptions } from '../node/options.ts'
import { NO_PLUGINS, type NodePlugins } from '../node/plugins.ts'
import type { Log } from '../ports/log.ts'
import { Alerts } from './alerts/alerts.ts'

export interface OperatedNode extends MeshNode {
  /** URL of its HTTP server; null where none runs. */
  readonly http: string | null
}

/** @throws MeshError as `startNode`, and what keeps a part from starting that was asked for */
export async function startOperatedNode(options: NodeOptions, { log, plugins = NO_PLUGINS }: { readonly log: Log; readonly plugins?: NodePlugins }): Promise<OperatedNode> {
  const node = await startNode(options, { log, plugins })
  try {
    return await operate(node)
  } catch (error) {
    await node.stop('its operations did not start')
    throw error
  }
}

/** Each part registers its own end with `inspection.onClose`. */
async function operate({ inspection, ...node }: InspectedNode): Promise<OperatedNode> {
  const alerts = new Alerts(inspection, null)
  inspection.onClose('alerts', () => alerts.stop())
  // A node without HTTP does not load it.
  if (inspection.options.http.listen !== 'off') {
    const { startHttp } = await import('./http/http-server.ts')
    await startHttp({ inspection, metrics: null, alerts, tables: null, files: null })
  }
  return { ...node, http: inspection.status().http }
}
