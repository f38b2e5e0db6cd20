/** Gives a node the database of the mesh itself, beside what the program adds. */
import { MeshError } from '../../errors.ts'
import type { NodePlugins } from '../../node/plugins.ts'
import type { Log } from '../../ports/log.ts'
import { MESH_DATABASE } from '../../wire/operations-views.ts'
import { MeshEngine } from './mesh-engine.ts'

/**
 * It is not ready before its engine is bound to the running node.
 * @throws MeshError ERR_OPTION_INVALID when the program has a database of that name
 */
export function withMeshDatabase(plugins: NodePlugins, log: Log): { readonly meshEngine: MeshEngine; readonly plugins: NodePlugins } {
  if (plugins.databases.some(({ name }) => name === MESH_DATABASE)) {
    throw new MeshError('ERR_OPTION_INVALID', `a database cannot be called ${MESH_DATABASE}, which is that of the mesh itself on every node`, { nextStep: 'Give it another name.' })
  }
  const meshEngine = new MeshEngine(log.child({ database: MESH_DATABASE }))
  return { meshEngine, plugins: { ...plugins, databases: [{ name: MESH_DATABASE, open: () => Promise.resolve(meshEngine) }, ...plugins.databases] } }
}
