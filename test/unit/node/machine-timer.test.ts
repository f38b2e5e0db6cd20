import { describe, expect, it } from 'vitest'
import { MachineTimer } from '../../../src/node/machine-timer.ts'
import { VirtualClock } from '../../support/query-plane.ts'

describe('MachineTimer', () => {
  it('calls the machine at its next deadline, and again at the one it names then', () => {
    const clock = new VirtualClock()
    const deadlines = [100, 250]
    const calls: number[] = []
    const timer = new MachineTimer(clock, { nextDeadlineMs: () => deadlines[0] ?? null }, (nowMs) => {
      calls.push(nowMs)
      deadlines.shift()
    })
    timer.rearm()
    clock.advance(1000)
    expect(calls).toEqual([100, 250])
  })

  it('follows a deadline that moves', () => {
    const clock = new VirtualClock()
    let atMs: number | null = 500
    const calls: number[] = []
    const timer = new MachineTimer(clock, { nextDeadlineMs: () => atMs }, (nowMs) => {
      calls.push(nowMs)
      atMs = null
    })
    timer.rearm()
    atMs = 50
    timer.rearm()
    clock.advance(1000)
    expect(calls).toEqual([50])
  })

  it('calls nobody after stop', () => {
    const clock = new VirtualClock()
    const calls: number[] = []
    const timer = new MachineTimer(clock, { nextDeadlineMs: () => 10 }, (nowMs) => calls.push(nowMs))
    timer.rearm()
    timer.stop()
    clock.advance(100)
    timer.rearm()
    clock.advance(100)
    expect(calls).toEqual([])
  })
})
