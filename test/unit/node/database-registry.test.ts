import { describe, expect, it } from 'vitest'
import type { ConfigTree } from '../../../src/adapters/files/config-file.ts'
import { abandonedWork } from '../../../src/adapters/system/abandoned-work.ts'
import { MeshError } from '../../../src/errors.ts'
import { DatabaseRegistry, type DatabaseRegistryParts } from '../../../src/node/database-registry.ts'
import { EngineUses } from '../../../src/node/engine-uses.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { QueryEngine } from '../../../src/ports/query-engine.ts'
import type { RegistryProgress } from '../../../src/wire/configuration-views.ts'
import { collect } from '../../support/collect.ts'
import { createRecordingLog } from '../../support/recording-log.ts'

/** Timers run when the test says so. */
class StoppedClock implements Clock {
  timers: Array<{ readonly atMs: number; readonly callback: () => void }> = []
  ms = 0
  nowMs(): number { return this.ms }
  wallMs(): number { return this.ms }
  setTimer(delayMs: number, callback: () => void): { cancel(): void } {
    const timer = { atMs: this.ms + delayMs, callback }
    this.timers.push(timer)
    return { cancel: () => { this.timers = this.timers.filter((other) => other !== timer) } }
  }

  async pass(ms: number): Promise<void> {
    this.ms += ms
    const due = this.timers.filter(({ atMs }) => atMs <= this.ms)
    this.timers = this.timers.filter(({ atMs }) => atMs > this.ms)
    for (const { callback } of due) callback()
    await new Promise((resolve) => { setImmediate(resolve) })
  }
}

function setUp({ inFile = ['users'], overridden = false, isProgram = false, opens = true, opening, isReadOnly = false }: { readonly isReadOnly?: boolean; readonly opening?: () => Promise<void>; readonly inFile?: readonly string[]; readonly overridden?: boolean; readonly isProgram?: boolean; readonly opens?: boolean } = {}) {
  const told: string[] = []
  const closed: string[] = []
  const engine = (database: string): QueryEngine => ({ database, kind: 'test', role: 'replica', isReady: () => true, classify: () => Promise.resolve('read'), execute: () => Promise.reject(new Error('not asked')), close: () => {
    closed.push(database)
    return Promise.resolve()
  } })
  const file = new Set(inFile)
  const engines = new Map([['users', engine('users')], ['reedbase', { ...engine('reedbase'), isPrivate: true }]])
  const uses = new EngineUses()
  const clock = new StoppedClock()
  const users = { name: 'users', path: '/srv/users', role: 'replica' as const, threads: null, memoryBytes: null, strategy: null, thresholds: {} }
  const parts: DatabaseRegistryParts = {
    options: { databases: [users], drainMs: 10_000, cpuThresholdPercent: 80, memoryThresholdPercent: 90, overloadLeaveMarginPercent: 5 }, engines, uses, clock, log: createRecordingLog(),
    engineStates: { handleAdded: ({ database }) => { told.push(`+${database}`) }, handleRemoved: ({ database }) => { told.push(`-${database}`) } },
    settings: { adopt: (name, { thresholds }) => { told.push(`adopt ${name} ${JSON.stringify(thresholds)}`) }, forget: (name) => { told.push(`forget ${name}`) } },
    open: async ({ name }) => (await opening?.(), opens ? Promise.resolve(engine(name)) : Promise.reject(new MeshError('ERR_DATABASE_PATH', 'nothing is there'))), forgetResults: (name) => { told.push(`results ${name}`) },
    config: isProgram ? null : { path: '/etc/reedbase.yaml', change: async (edit, apply) => {
      if (isReadOnly) throw new MeshError('ERR_CONFIG_FILE', 'it is read-only')
      const before = [...file]
      edit({
        has: ([, name = '']: readonly string[]) => file.has(name),
        set: ([, name = '']: readonly string[], value: unknown) => { if (value === null) file.delete(name); else file.add(name) },
      } as unknown as ConfigTree)
      try {
        return await apply()
      } catch (error) {
        file.clear()
        for (const name of before) file.add(name)
        throw error
      }
    } },
    overriddenBy: new Map(overridden ? [['databases', '--db']] : []), nodeName: () => 'local1', isDraining: () => false,
    databases: () => [{ name: 'users', path: null, copies: [{ peerId: 'b', node: 'remote1', isLocal: false, role: 'replica', engine: 'test', ready: true }] }],
  }
  const registry = new DatabaseRegistry(parts)
  const unregister = async (name: string, options: { readonly save?: boolean; readonly force?: boolean } = {}): Promise<RegistryProgress[]> => await collect(registry.unregister({ name, save: true, force: false, ...options }))
  return { registry, unregister, engines, uses, clock, told, closed, file }
}

const orders = { name: 'orders', entry: { path: '/srv/orders', cpuThreshold: 70 }, save: true }

describe('register', () => {
  it('writes, opens and then tells the mesh', async () => {
    const { registry, engines, told, file } = setUp()
    expect(await registry.register(orders)).toEqual({ name: 'orders', node: 'local1', otherNodes: [], ended: 0, file: '/etc/reedbase.yaml', isSaved: true, notes: [], database: { path: '/srv/orders', role: 'replica', engine: 'test', ready: true } })
    expect(told).toEqual(['adopt orders {"cpuPercent":70}', 'results orders', '+orders'])
    expect([[...engines.keys()], [...file], registry.list().map(({ name }) => name)]).toEqual([['users', 'reedbase', 'orders'], ['users', 'orders'], ['users', 'orders']])
  })

  it('leaves file and node as they were when the engine does not open', async () => {
    const { registry, engines, told, file } = setUp({ opens: false })
    await expect(registry.register(orders)).rejects.toMatchObject({ code: 'ERR_DATABASE_PATH' })
    expect([told, [...file], engines.has('orders'), registry.get('orders')]).toEqual([[], ['users'], false, undefined])
  })

  it('gives up after a minute what does not open, and never writes it; what opens later is closed', async () => {
    const gate = Promise.withResolvers<void>()
    const { registry, clock, engines, told, closed, file } = setUp({ opening: () => gate.promise })
    const outcome = registry.register(orders).catch((error: unknown) => error)
    await clock.pass(59_999)
    expect([...file]).toEqual(['users'])
    await clock.pass(1)
    expect(await outcome).toMatchObject({ code: 'ERR_DATABASE_PATH', message: 'Database orders did not open within 60 s.', nextStep: expect.stringContaining('cat') as string })
    expect([told, [...file], engines.has('orders'), closed, abandonedWork()]).toEqual([[], ['users'], false, [], 1])
    gate.resolve()
    await clock.pass(0)
    expect([closed, abandonedWork(), clock.timers]).toEqual([['orders'], 0, []])
  })

  it('leaves other changes of the file alone while a database opens, and changes nothing when its caller goes', async () => {
    const gate = Promise.withResolvers<void>()
    const { registry, unregister, clock, file, told } = setUp({ opening: () => gate.promise })
    const caller = new AbortController()
    const outcome = registry.register(orders, caller.signal).catch((error: unknown) => error)
    const gone = unregister('users')
    await clock.pass(0)
    expect([...file]).toEqual([])
    caller.abort(new Error('gone'))
    expect(await outcome).toMatchObject({ message: 'gone' })
    await clock.pass(500)
    await gone
    gate.resolve()
    await clock.pass(0)
    expect([[...file], told.includes('+orders'), registry.get('orders')]).toEqual([[], false, undefined])
  })

  it('lets four hang and refuses the fifth, and ends them when the node stops', async () => {
    const gate = Promise.withResolvers<void>()
    const { registry, clock } = setUp({ opening: () => gate.promise })
    const caller = new AbortController()
    const hung = ['a', 'b', 'c'].map((name) => registry.register({ ...orders, name }, caller.signal).catch(() => 'gone'))
    const stopped = registry.register({ ...orders, name: 'd' }).catch((error: unknown) => error)
    caller.abort()
    expect(await Promise.all(hung)).toEqual(['gone', 'gone', 'gone'])
    await registry.stop()
    expect(await stopped).toMatchObject({ code: 'ERR_DRAINING' })
    await expect(setUp().registry.register(orders)).rejects.toMatchObject({ code: 'ERR_DATABASE_PATH', message: expect.stringContaining('have not answered yet') as string })
    gate.resolve()
    await clock.pass(0)
    expect(abandonedWork()).toBe(0)
  })

  it('closes what was opened when the file cannot be changed', async () => {
    const { registry, closed, engines } = setUp({ isReadOnly: true })
    await expect(registry.register(orders)).rejects.toMatchObject({ code: 'ERR_CONFIG_FILE' })
    expect([closed, engines.has('orders')]).toEqual([['orders'], false])
  })

  it('says what wins at the next start', async () => {
    expect((await setUp({ overridden: true }).registry.register(orders)).notes).toEqual(['--db was given at the start and wins over databases in /etc/reedbase.yaml at the next one.'])
    expect((await setUp().registry.register({ ...orders, save: false })).notes).toEqual(['/etc/reedbase.yaml was left as it was, and holds at the next start.'])
    expect(await setUp({ isProgram: true }).registry.register(orders)).toMatchObject({ isSaved: false, file: null, notes: ['A program gave this node its options: this holds until it stops.'] })
  })

  it.each([
    ['a name that is served', { ...orders, name: 'users' }, 'ERR_DATABASE_IN_USE'],
    ['the name of the mesh itself', { ...orders, name: 'reedbase' }, 'ERR_OPTION_INVALID'],
    ['a name that is none', { ...orders, name: 'a b' }, 'ERR_OPTION_INVALID'],
    ['a URL with a password', { ...orders, entry: { path: 'postgres://app:secret@db1/orders' } }, 'ERR_OPTION_INVALID'],
    ['a URL in capitals with a password', { ...orders, entry: { path: 'POSTGRES://app:secret@db1/orders' } }, 'ERR_OPTION_INVALID'],
    ['a URL for a name', { ...orders, name: 'postgres://app:secret@db1/orders' }, 'ERR_OPTION_INVALID'],
    ['an unknown setting', { ...orders, entry: { path: '/srv/orders', colour: 'red' } }, 'ERR_OPTION_UNKNOWN'],
    ['thresholds that the margin leaves no room', { ...orders, entry: { path: '/srv/orders', cpuThreshold: 4 } }, 'ERR_OPTION_INVALID'],
  ])('refuses %s, before anything is written', async (_what, request, code) => {
    const { registry, told, file } = setUp()
    const error: unknown = await registry.register(request).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code })
    expect((error as Error).message).not.toContain('secret')
    expect([told, [...file]]).toEqual([[], ['users']])
  })
})

describe('unregister', () => {
  it('tells the mesh, waits for what runs, and closes then', async () => {
    const { unregister, uses, clock, told, closed, engines, file } = setUp()
    uses.handleStart('users', 'queries')
    const progress = unregister('users')
    await clock.pass(0)
    expect([told, closed, engines.has('users'), [...file]]).toEqual([['-users', 'results users', 'forget users'], [], false, []])
    await clock.pass(500)
    uses.handleEnd('users', 'queries')
    await clock.pass(0)
    expect(closed).toEqual(['users'])
    const events = await progress
    expect(events.at(0)).toEqual({ kind: 'draining', running: 1, leftMs: 10_000 })
    expect(events.at(-1)).toMatchObject({ kind: 'done', view: { name: 'users', database: null, otherNodes: ['remote1'], ended: 0, isSaved: true, notes: [] } })
  })

  it('ends after its time what still runs, and counts it', async () => {
    const { unregister, uses, clock, closed } = setUp()
    uses.handleStart('users', 'queries')
    const progress = unregister('users')
    await clock.pass(0)
    await clock.pass(9_999)
    expect(closed).toEqual([])
    await clock.pass(1)
    expect(closed).toEqual(['users'])
    expect((await progress).at(-1)).toMatchObject({ view: { ended: 1 } })
  })

  it('goes on when nobody listens any more, and keeps the name until then', async () => {
    const { registry, uses, clock, closed } = setUp()
    uses.handleStart('users', 'queries')
    const events = registry.unregister({ name: 'users', save: true, force: false })
    expect((await events.next()).value).toMatchObject({ kind: 'draining' })
    await events.return()
    await expect(registry.register({ ...orders, name: 'users' })).rejects.toMatchObject({ code: 'ERR_DATABASE_IN_USE', message: 'users is being closed at this moment' })
    uses.handleEnd('users', 'queries')
    await clock.pass(0)
    expect(closed).toEqual(['users'])
    expect(await registry.register({ ...orders, name: 'users' })).toMatchObject({ name: 'users' })
  })

  it('is refused while transactions are open, unless forced', async () => {
    const { unregister, uses, told, file, clock } = setUp()
    uses.handleStart('users', 'transactions')
    await expect(unregister('users')).rejects.toMatchObject({ code: 'ERR_DATABASE_IN_USE', message: '1 transaction is open on users' })
    expect([told, [...file]]).toEqual([[], ['users']])
    const forced = unregister('users', { force: true })
    await clock.pass(0)
    uses.handleEnd('users', 'transactions')
    await clock.pass(500)
    expect((await forced).at(-1)).toMatchObject({ view: { ended: 0 } })
  })

  it('takes out of the file what only the file has', async () => {
    const { unregister, file, told } = setUp({ inFile: ['users', 'orders'] })
    expect(await unregister('orders')).toMatchObject([{ kind: 'done', view: { name: 'orders', isSaved: true } }])
    expect([[...file], told]).toEqual([['users'], []])
  })

  it.each([['nobody serves', 'orders', 'ERR_DATABASE_UNKNOWN'], ['is of the node itself', 'reedbase', 'ERR_OPTION_INVALID']])('refuses what %s', async (_what, name, code) => {
    const { unregister, told } = setUp()
    await expect(unregister(name)).rejects.toMatchObject({ code })
    expect(told).toEqual([])
  })

  it('closes at once when the node stops', async () => {
    const { registry, uses, closed } = setUp()
    uses.handleStart('users', 'queries')
    const events = registry.unregister({ name: 'users', save: false, force: false })
    await events.next()
    await registry.stop()
    expect(closed).toEqual(['users'])
  })
})
