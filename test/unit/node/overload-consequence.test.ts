import { describe, expect, it } from 'vitest'
import { LoadMonitor } from '../../../src/core/load/load-monitor.ts'
import { LoadDriver } from '../../../src/node/load-driver.ts'
import { overloadConsequence } from '../../../src/node/overload-consequence.ts'
import { memberView } from '../operations/tables/measured-node.ts'
import { createRecordingLog } from '../../support/recording-log.ts'
import { VirtualClock } from '../../support/query-plane.ts'

const self = memberView('near', { local: true })
const stays = 'its queries stay, since no peer can take them'
const serving = (...names: string[]) => ({ record: { ...self.record, databases: names.map((name) => ({ name, role: 'replica' as const, engine: 'duckdb' })) } })

describe('what becomes of the queries of an overloaded node', () => {
  it.each<readonly [string, Parameters<typeof memberView>[1], string]>([
    ['is well', {}, 'a share of its reads goes to peers'], ['is overloaded or far', { status: 'degraded' }, stays], ['is failed', { state: 'failed', status: 'unhealthy' }, stays], ['is suspected', { state: 'suspect' }, stays],
    ['is denied', { denied: true }, stays], ['serves another database', serving('shop'), stays],
  ])('with a peer that %s', (_what, peer, consequence) => {
    expect(overloadConsequence([self, memberView('far', peer)])).toBe(consequence)
  })

  it('is told of one database', () => {
    const members = [self, memberView('far', serving('users'))]
    expect([overloadConsequence(members, 'users'), overloadConsequence(members, 'numbers'), overloadConsequence(members, 'shop')]).toEqual(['a share of its reads goes to peers', stays, null])
  })

  it('is nothing on a node that serves none', () => {
    expect(overloadConsequence([memberView('near', { local: true, ...serving() }), memberView('far')])).toBeNull()
  })

  it.each([[stays, `warn overloaded: CPU 99% exceeds threshold 80% (fire drill); ${stays}`], [null, 'warn overloaded: CPU 99% exceeds threshold 80% (fire drill)']])('goes into the log: %s', (consequence, line) => {
    const [clock, log] = [new VirtualClock(), createRecordingLog()]
    const driver = new LoadDriver({
      monitor: new LoadMonitor({ peerId: 'near' }), clock, log, probe: { read: () => new Promise(() => undefined), close: () => undefined }, publish: () => undefined, onDigest: () => undefined, onReading: () => undefined, overloadConsequence: () => consequence,
    })
    driver.startDrill({ cpuPercent: 99, memoryPercent: null, forMs: 60_000 })
    driver.stop()
    expect(log.lines).toEqual([line])
  })
})
