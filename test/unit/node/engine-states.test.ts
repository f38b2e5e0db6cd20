import { describe, expect, it } from 'vitest'
import type { DatabaseOffer } from '../../../src/core/membership/types.ts'
import { EngineStates } from '../../../src/node/engine-states.ts'
import type { DatabaseRole, QueryEngine } from '../../../src/ports/query-engine.ts'

/** An engine over a server that fails over and breaks as the test says. */
class Server {
  role: DatabaseRole = 'replica'
  ready = true
  lagMs: number | null = 40
  listeners = new Set<() => void>()

  engine(database: string): QueryEngine {
    const role = (): DatabaseRole => this.role
    return {
      database, kind: 'test', get role() { return role() }, isReady: () => this.ready, lagMs: () => this.lagMs,
      onChange: (listener) => {
        this.listeners.add(listener)
        return () => { this.listeners.delete(listener) }
      },
      classify: () => Promise.resolve('read'), execute: () => Promise.reject(new Error('not asked')), close: () => Promise.resolve(),
    }
  }

  change(fields: Partial<Pick<Server, 'role' | 'ready' | 'lagMs'>>): void {
    Object.assign(this, fields)
    for (const listener of this.listeners) listener()
  }
}

function setUp() {
  const server = new Server()
  const ready: Array<readonly string[]> = []
  const lags: Array<Readonly<Record<string, number>>> = []
  const offers: Array<readonly DatabaseOffer[]> = []
  const told = { readiness: 0 }
  const fixed: QueryEngine = { database: 'files', kind: 'test', role: 'replica', isReady: () => true, classify: () => Promise.resolve('read'), execute: () => Promise.reject(new Error('not asked')), close: () => Promise.resolve() }
  const states = new EngineStates({
    engines: new Map([['pg', server.engine('pg')], ['files', fixed]]),
    monitor: { setReadyDatabases: (names, lagsMs = {}) => {
      ready.push(names)
      lags.push(lagsMs)
    } },
    onOffers: (next) => { offers.push(next) },
    onReadiness: () => { told.readiness++ },
  })
  return { server, states, ready, lags, offers, told }
}

describe('what the engines can do', () => {
  it('is told at the start, with the lag of those that know it, and to nobody in particular', () => {
    const { ready, lags, offers, told } = setUp()
    expect([ready, lags, offers, told.readiness]).toEqual([[['pg', 'files']], [{ pg: 40 }], [], 0])
  })

  it('changes the record when a server is promoted, and once', () => {
    const { server, offers, told } = setUp()
    server.change({ role: 'primary', lagMs: 0 })
    server.change({})
    expect(offers).toEqual([[{ name: 'pg', role: 'primary', engine: 'test' }, { name: 'files', role: 'replica', engine: 'test' }]])
    expect(told.readiness).toBe(0)
  })

  it('tells everybody when a server is down and when it is back', () => {
    const { server, ready, lags, told } = setUp()
    server.change({ ready: false, lagMs: null })
    expect([ready.at(-1), lags.at(-1), told.readiness]).toEqual([['files'], {}, 1])
    server.change({ ready: true })
    expect([ready.at(-1), told.readiness]).toEqual([['pg', 'files'], 2])
  })

  it('is nothing in a minority that must not serve', () => {
    const { states, ready, told } = setUp()
    states.setRefusing(true)
    expect([ready.at(-1), told.readiness]).toEqual([[], 1])
    states.setRefusing(false)
    expect(ready.at(-1)).toEqual(['pg', 'files'])
  })

  it('follows a lag that moves without a word, and lets go at the end', () => {
    const { server, states, lags } = setUp()
    server.lagMs = 900
    expect(states.refresh()).toBe(false)
    expect(lags.at(-1)).toEqual({ pg: 900 })
    states.stop()
    expect(server.listeners.size).toBe(0)
  })
})

describe('engines that come and go', () => {
  function changing() {
    const engines = new Map<string, QueryEngine>()
    const offers: string[][] = []
    const ready: string[][] = []
    let told = 0
    const states = new EngineStates({
      engines, monitor: { setReadyDatabases: (names) => { ready.push([...names]) } },
      onOffers: (next) => { offers.push(next.map(({ name, role }) => `${name} ${role}`)) }, onReadiness: () => { told++ },
    })
    return { engines, states, offers, ready, told: () => told }
  }

  it('are told when they are there, and when they are not any more', () => {
    const { engines, states, offers, ready, told } = changing()
    const engine = new Server().engine('pg')
    engines.set('pg', engine)
    states.handleAdded(engine)
    engines.delete('pg')
    states.handleRemoved(engine)
    expect([offers, ready, told()]).toEqual([[['pg replica'], []], [[], ['pg'], []], 2])
  })

  it('are followed from then on, until they go', () => {
    const { engines, states, offers } = changing()
    const server = new Server()
    const engine = server.engine('pg')
    engines.set('pg', engine)
    states.handleAdded(engine)
    server.change({ role: 'primary' })
    expect(offers.at(-1)).toEqual(['pg primary'])
    engines.delete('pg')
    states.handleRemoved(engine)
    expect(server.listeners.size).toBe(0)
  })
})
