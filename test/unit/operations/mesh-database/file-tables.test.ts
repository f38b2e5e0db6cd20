import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FILE_TABLES, fileTableView, findTableFiles } from '../../../../src/operations/mesh-database/file-tables.ts'

const latency = FILE_TABLES.find(({ name }) => name === 'latency') as (typeof FILE_TABLES)[number]
const day = Date.parse('2026-11-20') / 86_400_000

describe('files behind tables', () => {
  it('are found by their names, those of a day in order and those of the day under way last', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'reedbase-file-tables-'))
    try {
      expect(await findTableFiles(folder)).toEqual([])
      await mkdir(join(folder, 'history'))
      await mkdir(join(folder, 'metrics'))
      for (const name of ['history/latency-2026-11-20.csv', 'history/latency-1m-2026-11-19.csv', 'history/notes.csv', 'latency.csv', 'nodes.csv', 'metrics/p2p.csv']) await writeFile(join(folder, name), '')
      expect(await findTableFiles(folder)).toEqual([
        { table: 'latency', resolution: '1m', day: day - 1, path: join(folder, 'history/latency-1m-2026-11-19.csv') },
        { table: 'latency', resolution: 'raw', day, path: join(folder, 'history/latency-2026-11-20.csv') },
        { table: 'latency', resolution: 'raw', day: null, path: join(folder, 'latency.csv') },
        { table: 'p2p', resolution: 'raw', day: null, path: join(folder, 'metrics/p2p.csv') },
      ])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('are one view, each with its resolution and day as constants', () => {
    const sql = fileTableView(latency, [
      { table: 'load', resolution: 'raw', day, path: '/d/history/load-2026-11-20.csv' },
      { table: 'latency', resolution: '1m', day, path: '/d/it\'s/latency-1m-2026-11-20.csv' },
      { table: 'latency', resolution: 'raw', day: null, path: '/d/latency.csv' },
    ])
    expect(sql).toMatch(/^CREATE OR REPLACE VIEW "latency" AS SELECT /)
    expect(sql.split(' UNION ALL ')).toEqual([expect.stringContaining("'1m' AS \"resolution\", DATE '2026-11-20' AS \"day\""), expect.stringContaining("'raw' AS \"resolution\", CAST(timestamp AT TIME ZONE 'UTC' AS DATE) AS \"day\"")])
    expect(sql).toContain("read_csv('/d/it''s/latency-1m-2026-11-20.csv'")
    expect(sql).toContain('"mean_ms" AS "latency_ms"')
    expect(sql).toContain('NULL::DOUBLE AS "mean_ms"')
    expect(sql).not.toContain('load')
  })

  it('are an empty view where there are none', () => {
    expect(fileTableView(latency, [])).toMatch(/^CREATE OR REPLACE VIEW "latency" AS SELECT NULL::VARCHAR AS "peer_id", .* WHERE false$/)
  })
})
