/** Compressed results between two real nodes: the client sees nothing of it. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type NodeProcess, TestMesh, until } from '../../support/processes.ts'

const sql = 'SELECT a.n * 1000 + b.n AS n, b.prime FROM primes a, (SELECT range AS n, range % 17 AS prime FROM range(60000)) b ORDER BY 1'
const digest = (text: string): string => createHash('sha256').update(text).digest('hex')

describe('results between nodes', () => {
  let mesh: TestMesh
  const read = async (node: NodeProcess, route: string): Promise<{ code: number | null; rows: number; digest: string; stderr: string }> => {
    const { code, stdout, stderr } = await node.rdb(['db:query', 'numbers', sql, '--route', route, '--format', 'csv'])
    return { code, rows: stdout.trimEnd().split('\n').length - 1, digest: digest(stdout), stderr }
  }
  const compressed = async (node: NodeProcess): Promise<readonly [number, number]> => {
    const { counters } = await node.status()
    return [counters['compressionCompressedBatches'] ?? Number.NaN, counters['compressionDecompressedBatches'] ?? Number.NaN]
  }
  /** With loads that are pinned: the machine's own decides no route. */
  const pair = async (names: readonly [string, string], args: readonly string[]): Promise<readonly [NodeProcess, NodeProcess]> => {
    const [first, second] = await mesh.startAll(names, { args }) as [NodeProcess, NodeProcess]
    for (const node of [first, second]) await node.drill(12, 40)
    await until('the first node to hear of both loads', async () => (await first.members()).every(({ load }) => load?.drill === true))
    return [first, second]
  }
  beforeAll(async () => { mesh = await TestMesh.create() })
  afterAll(() => mesh.stop())

  it('are compressed where both want it, and come out as a local run gives them; neighbours leave them alone by default', async () => {
    const [first, second] = await pair(['db1', 'db2'], ['--compression', 'always'])
    const local = await read(first, 'local-only')
    expect([local.code, local.rows]).toEqual([0, 240_000])
    const remote = await read(first, 'prefer-remote')
    expect(remote.stderr).toContain('forwarded to db2')
    expect(remote.digest).toBe(local.digest)
    const [made] = await compressed(second)
    expect(made).toBeGreaterThan(3)
    expect(await compressed(first)).toEqual([0, made])
    await mesh.stop()

    mesh = await TestMesh.create()
    const [third, fourth] = await pair(['db3', 'db4'], [])
    // On a busy machine even a neighbour may look slow for a while.
    await until('a result that is left as it is', async () => {
      const before = [await compressed(third), await compressed(fourth)]
      expect((await read(third, 'prefer-remote')).digest).toBe(local.digest)
      return [await compressed(third), await compressed(fourth)].join() === before.join()
    })
  })
})
