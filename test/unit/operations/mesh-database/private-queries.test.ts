import { describe, expect, it } from 'vitest'
import { NO_PLUGINS } from '../../../../src/node/plugins.ts'
import { executeGated } from '../../../../src/node/gated-engine.ts'
import { MeshEngine } from '../../../../src/operations/mesh-database/mesh-engine.ts'
import { withMeshDatabase } from '../../../../src/operations/mesh-database/with-mesh-database.ts'
import { createRowsResult } from '../../../../src/wire/results/rows-result.ts'
import { VirtualClock } from '../../../support/query-plane.ts'
import { createRecordingLog } from '../../../support/recording-log.ts'

const clock = new VirtualClock()
const signal = new AbortController().signal
const request = { sql: 'SELECT 1', parameters: [], priority: 'low', access: 'read', deadlineMs: 5_000, signal } as const
const fullGate = { tryEnter: () => null, enter: () => Promise.reject(new Error('the lines are full')), services: { start: () => null } } as unknown as Parameters<typeof executeGated>[0]['gate']

describe('a database of the node\'s own', () => {
  it('is asked past the gate, which others have to pass', async () => {
    const execute = (): Promise<ReturnType<typeof createRowsResult>> => Promise.resolve(createRowsResult([{ name: 'n', type: 'double' }], [[1]]))
    await expect(executeGated({ gate: fullGate, clock }, { database: 'users', execute }, request)).rejects.toThrow('the lines are full')
    await expect(executeGated({ gate: fullGate, clock }, { database: 'reedbase', isPrivate: true, execute }, request)).resolves.toMatchObject({ format: 'columns' })
  })

  it('is neither ready nor asked before the node runs', async () => {
    const engine = new MeshEngine(createRecordingLog())
    expect(engine.isReady()).toBe(false)
    await expect(engine.classify('SELECT 1')).rejects.toMatchObject({ code: 'ERR_NOT_SERVING', details: { started: 'no' } })
    await engine.close()
  })

  it('comes with every node, and takes its name', async () => {
    const log = createRecordingLog()
    const { plugins, meshEngine } = withMeshDatabase(NO_PLUGINS, log)
    expect(await plugins.databases[0]?.open(log)).toBe(meshEngine)
    expect(meshEngine).toMatchObject({ database: 'reedbase', kind: 'mesh', role: 'replica', isPrivate: true, isReadOnly: true })
    const taken = { ...NO_PLUGINS, databases: [{ name: 'reedbase', open: () => Promise.reject(new Error('not asked')) }] }
    expect(() => withMeshDatabase(taken, log)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })
})
