import { describe, expect, it } from 'vitest'
import { Alerts } from '../../../../src/operations/alerts/alerts.ts'
import { inspected } from './inspected.ts'

const minuteMs = 60_000

describe('Alerts', () => {
  it('fire, are told to the log and to listeners with what to do, and are resolved', async () => {
    const { inspection, clock, reading, log } = inspected({ alerts: { rules: { cpu: { for: '1m' } } } })
    const alerts = new Alerts(inspection, null)
    const stop = new AbortController()
    const changes = alerts.changes(stop.signal)
    const readFor = (cpuPercent: number, durationMs: number): void => {
      for (let ms = 0; ms < durationMs; ms += 1_000) {
        reading(cpuPercent)
        clock.advance(1_000)
      }
    }
    readFor(97, 2 * minuteMs)
    expect(alerts.list()).toMatchObject([{ rule: 'cpu', state: 'firing', severity: 'critical', value: 97, threshold: 90, unit: 'percent', sinceWallMs: 10_000, firedAtWallMs: 70_000 }])
    expect((await changes.next()).value).toMatchObject({ rule: 'cpu', state: 'firing', summary: expect.stringMatching(/^CPU is 97 %, above 90 %\. Look at/) })
    readFor(20, minuteMs)
    expect((await changes.next()).value).toMatchObject({ rule: 'cpu', state: 'resolved', summary: 'CPU is no longer above 90 %.' })
    expect(log.lines.map((line) => line.slice(0, 40))).toEqual(['error alert fired: CPU is 97 %, above 90', 'info alert resolved: CPU is no longer ab'])
    expect(alerts.counters).toMatchObject({ fired: 1, resolved: 1 })
    await alerts.stop()
    expect((await changes.next()).done).toBe(true)
    expect(clock.pending).toBe(0)
  })

  it('tell a lost quorum when it happens', async () => {
    const { inspection, figures, observers } = inspected()
    const alerts = new Alerts(inspection, null)
    figures.hasQuorum = false
    observers.handleEvent({ type: 'quorum-lost', atWallMs: 0, reason: '', reachable: 2, known: 5, needed: 3 })
    expect(alerts.list()).toMatchObject([{ rule: 'quorum', state: 'firing', value: null, threshold: null, summary: expect.stringMatching(/^Quorum lost: 2 of 5 members are reachable, 3 are needed\. /) }])
    figures.hasQuorum = true
    observers.handleEvent({ type: 'quorum-regained', atWallMs: 0, reason: '', reachable: 5, known: 5, needed: 3 })
    expect(alerts.list()).toMatchObject([{ rule: 'quorum', state: 'resolved', summary: 'Quorum lost is over.' }])
    await alerts.stop()
  })

  it('resolve what was wrong with a peer that is gone', async () => {
    const { inspection, figures, clock } = inspected({ alerts: { rules: { peerLatency: { for: '0s' } } } })
    const alerts = new Alerts(inspection, null)
    figures.peers = [{ name: 'far', p99Ms: 900 }]
    clock.advance(10_000)
    expect(alerts.list()).toMatchObject([{ subject: 'far', state: 'firing', summary: expect.stringContaining('Round trip (p99) of far is 900 ms') }])
    figures.peers = []
    clock.advance(10_000)
    expect(alerts.list()).toMatchObject([{ subject: 'far', state: 'resolved' }])
    await alerts.stop()
  })
})
