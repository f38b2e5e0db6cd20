import { describe, expect, it } from 'vitest'
import type { ConfigTree } from '../../../src/adapters/files/config-file.ts'
import { PeerLatencies } from '../../../src/core/latency/peer-latencies.ts'
import { LoadMonitor } from '../../../src/core/load/load-monitor.ts'
import { DatabaseStrategies } from '../../../src/node/database-strategies.ts'
import type { DatabaseOptions } from '../../../src/node/options.ts'
import { entryOf, RoutingSettings } from '../../../src/node/routing-settings.ts'
import type { NodesView, NodeView } from '../../../src/wire/control.ts'
import { createRecordingLog } from '../../support/recording-log.ts'

const users: DatabaseOptions = { name: 'users', path: '/srv/users', role: 'primary', threads: 2, memoryBytes: 1e9, strategy: null, thresholds: { cpuPercent: 70 } }
const node = (name: string): NodeView => ({ name, lastCheckWallMs: name === 'local1' ? null : 5_000 }) as NodeView

function setUp({ overriddenBy = [], fails = false }: { readonly overriddenBy?: ReadonlyArray<readonly [string, string]>; readonly fails?: boolean } = {}) {
  const edits: unknown[] = []
  const inFile = new Set(['databases.users'])
  const monitor = new LoadMonitor({ peerId: 'self', thresholdsOf: new Map([['users', users.thresholds]]) })
  const latencies = new PeerLatencies({}, () => 0.5)
  const strategies = new DatabaseStrategies({ standard: 'nearest', ofDatabase: new Map(), random: () => 0.5 })
  const settings = new RoutingSettings({
    options: { databases: [users], latencyThresholdMs: 200, pingTimeoutMs: 5_000 }, thresholdsOf: new Map(), strategyOf: new Map(), overriddenBy: new Map(overriddenBy), log: createRecordingLog(),
    config: { path: '/etc/reedbase.yaml', change: async (edit, apply) => {
      edit({ has: (keyPath: readonly string[]) => inFile.has(keyPath.join('.')), set: (keyPath: readonly string[], value: unknown) => { edits.push([keyPath.join('.'), value]) } } as unknown as ConfigTree)
      return await apply()
    } },
    nodeName: () => 'local1', nodes: (database): NodesView => ({ database, nodes: database === 'users' ? [node('local1'), node('remote1')] : database === 'orders' ? [node('remote1'), node('remote2')] : [] }) as unknown as NodesView,
    served: () => ['users'], databaseOf: (name) => (name === 'users' ? users : undefined), monitor, strategies, latencies,
    loadDriver: { lastReadingWallMs: 4_000, setThresholds: (database, thresholds) => { monitor.setThresholds(0, { database, thresholds }) } },
    latencyDriver: { setPingInterval: (ms) => {
      if (fails) throw new Error('the last step fails')
      latencies.setPingInterval(0, ms)
    } },
    uptimeMs: () => 60_000, logFile: '/srv/node.log',
  })
  return { settings, edits, inFile, monitor, latencies, strategies }
}

describe('what holds', () => {
  it('is told with what the database has of its own', () => {
    expect(setUp().settings.view('users')).toEqual({
      database: 'users', node: 'local1', isServedHere: true, servers: ['local1', 'remote1'], cpuThresholdPercent: 70, memoryThresholdPercent: 90, overloadLeaveMarginPercent: 5, overloadDwellMs: 10_000,
      latencyThresholdMs: 200, strategy: 'nearest', pingIntervalMs: 30_000, own: ['cpuThreshold'], file: '/etc/reedbase.yaml', isSaved: null, notes: [],
    })
  })

  it('is unknown of what nobody serves', () => {
    expect(() => setUp().settings.view('nobodys')).toThrow(expect.objectContaining({ code: 'ERR_DATABASE_UNKNOWN' }))
  })

  it('is measured, of a database or of the node', () => {
    const { settings } = setUp()
    expect(settings.measurement('users')).toMatchObject({ node: 'local1', uptimeMs: 60_000, thresholds: { cpuPercent: 70, memoryPercent: 90, latencyMs: 200 }, lastCheckWallMs: 5_000, log: '/srv/node.log' })
    expect(settings.measurement(null)).toMatchObject({ database: null, databases: ['users'], thresholds: { cpuPercent: 80 }, lastCheckWallMs: 4_000 })
  })
})

describe('a change', () => {
  it('is in the file and on the node', async () => {
    const { settings, edits, monitor, latencies, strategies } = setUp()
    expect(await settings.change('users', { cpuThresholdPercent: 85, memoryThresholdPercent: 95, strategy: 'adaptive', pingIntervalMs: 60_000 }, { save: true })).toMatchObject({ cpuThresholdPercent: 85, memoryThresholdPercent: 95, strategy: 'adaptive', pingIntervalMs: 60_000, own: ['cpuThreshold', 'memoryThreshold', 'strategy'], isSaved: true, notes: [] })
    expect(edits).toEqual([['databases.users.cpuThreshold', 85], ['databases.users.memoryThreshold', 95], ['databases.users.strategy', 'adaptive'], ['pingInterval', '1m']])
    expect([monitor.thresholdsFor('users'), latencies.options.pingIntervalMs, strategies.nameOf('users'), strategies.nameOf('orders')]).toMatchObject([{ cpuPercent: 85, memoryPercent: 95 }, 60_000, 'adaptive', 'nearest'])
  })

  it('gives back to the node what is its own no more', async () => {
    const { settings, edits, monitor } = setUp()
    expect(await settings.change('users', { cpuThresholdPercent: null, strategy: null }, { save: true })).toMatchObject({ cpuThresholdPercent: 80, own: [] })
    expect([edits, monitor.thresholdsFor('users')]).toEqual([[['databases.users.cpuThreshold', null], ['databases.users.strategy', null]], monitor.options])
  })

  it('is on the node alone where that is asked for', async () => {
    const { settings, edits } = setUp()
    expect(await settings.change('users', { cpuThresholdPercent: 85 }, { save: false })).toMatchObject({ cpuThresholdPercent: 85, isSaved: false, notes: ['Not saved: the change holds until the node stops.'] })
    expect(edits).toEqual([])
  })

  it('brings the whole database into a file that does not have it, and says what wins', async () => {
    const { settings, edits, inFile } = setUp({ overriddenBy: [['databases', '--db'], ['pingInterval', 'REEDBASE_PING_INTERVAL']] })
    inFile.clear()
    expect((await settings.change('users', { cpuThresholdPercent: 85, pingIntervalMs: 60_000 }, { save: true })).notes).toEqual([
      '--db was given at the start and wins over databases in /etc/reedbase.yaml at the next one.', 'REEDBASE_PING_INTERVAL was given at the start and wins over pingInterval in /etc/reedbase.yaml at the next one.',
    ])
    expect(edits.slice(0, 2)).toEqual([['databases.users', { path: '/srv/users', role: 'primary', threads: 2, memory: '1GB', cpuThreshold: 70 }], ['databases.users.cpuThreshold', 85]])
  })

  it('is taken back as a whole when its last step fails', async () => {
    const { settings, monitor, strategies } = setUp({ fails: true })
    await expect(settings.change('users', { cpuThresholdPercent: 85, strategy: 'adaptive', pingIntervalMs: 60_000 }, { save: true })).rejects.toThrow('the last step fails')
    expect([monitor.thresholdsFor('users').cpuPercent, strategies.nameOf('users'), settings.view('users').own]).toEqual([70, 'nearest', ['cpuThreshold']])
  })

  it('of what is served elsewhere names where to make it; the interval is the node\'s', async () => {
    const { settings, edits } = setUp()
    await expect(settings.change('orders', { cpuThresholdPercent: 85 }, { save: true })).rejects.toMatchObject({ code: 'ERR_NOT_SERVING', nextStep: expect.stringContaining('beside one of remote1 and remote2') as string })
    expect(await settings.change('orders', { pingIntervalMs: 60_000 }, { save: true })).toMatchObject({ isServedHere: false, pingIntervalMs: 60_000 })
    expect(edits).toEqual([['pingInterval', '1m']])
  })

  it.each([
    ['an interval within the timeout', { pingIntervalMs: 5_000 }, /interval \(5s\) must be above pingTimeout \(5s\)/],
    ['a threshold within the margin', { cpuThresholdPercent: 5 }, /overloadLeaveMargin of users is 5/],
  ])('is refused with %s, before the file is touched', async (_what, change, message) => {
    const { settings, edits } = setUp()
    await expect(settings.change('users', change, { save: true })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID', message: expect.stringMatching(message) as string })
    expect(edits).toEqual([])
  })

  it('of a strategy that there is not leaves the thresholds', async () => {
    const { settings, monitor } = setUp()
    await expect(settings.change('users', { cpuThresholdPercent: 85, strategy: 'furthest' }, { save: false })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
    expect(monitor.thresholdsFor('users').cpuPercent).toBe(70)
  })
})

describe('for the registry', () => {
  it('adopts and forgets', () => {
    const { settings, monitor, strategies } = setUp()
    settings.adopt('orders', { thresholds: { memoryPercent: 60 }, strategy: 'locality' })
    expect([monitor.thresholdsFor('orders').memoryPercent, strategies.nameOf('orders')]).toEqual([60, 'locality'])
    settings.forget('orders')
    expect([monitor.thresholdsFor('orders').memoryPercent, strategies.nameOf('orders'), settings.ownOf('orders')]).toEqual([90, 'nearest', { thresholds: {}, strategy: null }])
  })

  it('writes a database with what is not the default', () => {
    expect(entryOf({ ...users, role: 'replica', threads: null, memoryBytes: null, thresholds: { dwellMs: 5_000, leaveMarginPercent: 2 } })).toEqual({ path: '/srv/users', overloadLeaveMargin: 2, overloadDwell: '5s' })
  })
})
