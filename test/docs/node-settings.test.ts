/** Holds the type of `createNode`'s options to the option table, and the package's exports to the guide. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as library from '../../src/index.ts'
import type { NodeSettings } from '../../src/index.ts'
import { ROUTING_GROUPS, ROUTING_OPTION_TABLE } from '../../src/node/options-routing.ts'
import { databaseFields } from '../../src/node/options-schema.ts'
import { OPTION_TABLE, parseNodeOptions } from '../../src/node/options.ts'

const textOf = (path: string): Promise<string> => readFile(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')
const source = await textOf('src/node/node-settings.ts')
const keysOf = (name: string): string[] => {
  const [, body = ''] = new RegExp(`^export interface ${name} \\{\\n(.*?)^\\}`, 'ms').exec(source) ?? []
  return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, key]) => key ?? '')
}

describe('NodeSettings', () => {
  it('has the keys of the option table, and databases their fields', () => {
    expect(keysOf('NodeSettings').toSorted()).toEqual([...new Set([...OPTION_TABLE, ...ROUTING_OPTION_TABLE].map(({ key }) => key.split('.')[0] ?? ''))].toSorted())
    expect(keysOf('RoutingSettings').toSorted()).toEqual(Object.keys(ROUTING_GROUPS).toSorted())
    expect(keysOf('DatabaseSettings').toSorted()).toEqual([...databaseFields].toSorted())
  })

  it('takes every form that the schema takes, with units and without', () => {
    const settings: NodeSettings = {
      name: 'a', dataDir: 'd', listen: '[::1]:0', advertise: 'db1', seeds: ['10.0.0.1:7400'], cluster: 'c', insecure: true, capacity: 2, pingInterval: '10s', cpuThreshold: 70,
      strategy: 'adaptive', minorityPolicy: 'read-only', membership: { preset: 'wan', probeInterval: '9s', indirectProbes: 2 },
      routing: { adaptive: { latencyWeight: 0.9 }, outliers: { ejectionMax: '10m' }, feedback: { probeAgeMax: '2s' }, twoHop: { gainMin: '5ms' }, choice: { tie: '2ms' }, hotspots: { window: '30s' } }, databases: { a: './a', b: { path: './b.duckdb', role: 'primary', threads: 2, memory: '1GB', strategy: 'nearest' } },
    }
    expect(parseNodeOptions(settings, '/srv')).toMatchObject({
      dataDir: '/srv/d', pingIntervalMs: 10_000, cpuThresholdPercent: 70, strategy: 'adaptive', membershipPreset: 'wan', membership: { probeIntervalMs: 9_000, indirectProbes: 2 },
      routing: { decision: { adaptiveLatencyWeight: 0.9, tieMs: 2 }, outliers: { ejectionMsMax: 600_000 }, feedback: { probeAgeMsMax: 2_000 }, twoHop: { gainMsMin: 5 }, hotspots: { windowMs: 30_000 } },
      databases: [{ name: 'a', path: '/srv/a', role: 'replica' }, { name: 'b', path: '/srv/b.duckdb', role: 'primary', memoryBytes: 1e9 }],
    })
  })
})

describe('the exports of the package', () => {
  it('are these, and the guide or README speaks of each function', async () => {
    const values = Object.keys(library).toSorted()
    expect(values).toEqual(['ERRORS', 'MeshError', 'connect', 'createNode', 'createRowsResult', 'createScoringStrategy', 'typed'])
    const pages = `${await textOf('docs/guides/library.md')}${await textOf('README.md')}`
    expect(values.filter((name) => name !== 'ERRORS' && !new RegExp(`\\b${name}\\b`).test(pages))).toEqual([])
  })
})
