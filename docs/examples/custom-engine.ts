/**
 * An engine of one's own: whatever can tell reads from writes and answer with rows can stand in the mesh, be found, watched, and asked from
 * every node. This one is a table of settings in memory, with a language of two sentences.
 *
 *     npx node docs/examples/custom-engine.ts
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNode, createRowsResult, MeshError, type EngineFactory } from 'reedbase-mesh'

const settingsEngine: EngineFactory = ({ database, settings }) => {
  const table = new Map(Object.entries(settings as Record<string, number>))
  const refuse = (sql: string): never => { throw new MeshError('ERR_SQL', `"${sql}" is neither ALL nor GET ?`) }
  return Promise.resolve({
    database, kind: 'settings', role: 'replica',
    isReady: () => true,
    // Answered before it runs, and never for what does not parse. What changes something is a 'write'.
    classify: async (sql) => (/^(ALL|GET \?)$/.test(sql) ? 'read' : refuse(sql)),
    execute: async ({ sql, parameters: [name], signal }) => {
      signal.throwIfAborted()
      const rows = sql === 'ALL' ? [...table] : [...table].filter(([key]) => key === name)
      return createRowsResult([{ name: 'name', type: 'text' }, { name: 'value', type: 'double' }], rows)
    },
    close: async () => table.clear(),
  })
}

const folder = await mkdtemp(join(tmpdir(), 'custom-engine-'))
const server = await createNode(
  { name: 'server', dataDir: join(folder, 'server'), listen: '127.0.0.1:0', databases: { limits: { engine: 'settings', settings: { users: 500, seats: 12.5 } } } },
  { engines: { settings: settingsEngine } },
)
const entry = await createNode({ name: 'entry', dataDir: join(folder, 'entry'), listen: '127.0.0.1:0', seeds: server.tcpMultiaddrs.slice(0, 1) })

for (const [sql, ...parameters] of [['ALL'], ['GET ?', 'users']] as const) {
  const result = await entry.query(sql, { database: 'limits', parameters })
  for await (const row of result.rows()) console.log(sql, row)
}
await entry.query('PUT users', { database: 'limits' }).catch((error: MeshError) => { console.log(error.message) })

for (const node of [entry, server]) await node.stop('the example is over')
await rm(folder, { recursive: true })

// Prints:
// ALL { name: 'users', value: 500 }
// ALL { name: 'seats', value: 12.5 }
// GET ? { name: 'users', value: 500 }
// "PUT users" is neither ALL nor GET ?
