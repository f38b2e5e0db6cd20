import { describe, expect, it } from 'vitest'
import { LoadMonitor } from '../../../../src/core/load/load-monitor.ts'

const quiet = { memoryPercent: 20, memoryBytes: 1e9, processCpuPercent: 5, eventLoopDelayMs: 0.5 }

function loaded(cpuPercent: number, readings = 3): LoadMonitor {
  const monitor = new LoadMonitor({ peerId: 'self' })
  for (let index = 1; index <= readings; index++) monitor.handleReading(index * 1000, { ...quiet, cpuPercent })
  return monitor
}

describe('thresholds that change', () => {
  it('judge the load of now at once, and for that database alone', () => {
    const monitor = loaded(60)
    expect(monitor.setThresholds(3_100, { database: 'users', thresholds: { cpuPercent: 50 } })).toEqual([{ kind: 'overload-entered', reason: 'CPU 60% exceeds threshold 50%', database: 'users' }])
    expect([monitor.loadFor('users').overloaded, monitor.loadFor('orders').overloaded, monitor.overloaded]).toEqual([true, false, false])
    expect(monitor.thresholdsFor('users')).toMatchObject({ cpuPercent: 50, memoryPercent: 90 })
  })

  it('owe no dwell when they are raised', () => {
    const monitor = loaded(60)
    monitor.setThresholds(3_100, { database: 'users', thresholds: { cpuPercent: 50 } })
    expect(monitor.setThresholds(3_200, { database: 'users', thresholds: { cpuPercent: 70 } })).toMatchObject([{ kind: 'overload-left', database: 'users' }])
    expect(monitor.loadFor('users').overloaded).toBe(false)
  })

  it('take nothing for an overload before there are enough readings', () => {
    const monitor = loaded(100, 2)
    expect(monitor.setThresholds(2_100, { database: 'users', thresholds: { cpuPercent: 50 } })).toEqual([])
    monitor.handleReading(3_000, { ...quiet, cpuPercent: 100 })
    expect(monitor.loadFor('users').overloaded).toBe(true)
  })

  it('are the node\'s again without any of its own', () => {
    const monitor = loaded(60)
    monitor.setThresholds(3_100, { database: 'users', thresholds: { cpuPercent: 50 } })
    expect(monitor.setThresholds(3_200, { database: 'users', thresholds: null })).toMatchObject([{ kind: 'overload-left', database: 'users' }])
    expect(monitor.thresholdsFor('users')).toBe(monitor.options)
    expect(monitor.setThresholds(3_300, { database: 'users', thresholds: {} })).toEqual([])
  })

  it('change nothing where they are refused', () => {
    const monitor = loaded(60)
    monitor.setThresholds(3_100, { database: 'users', thresholds: { cpuPercent: 50 } })
    expect(() => monitor.setThresholds(3_200, { database: 'users', thresholds: { cpuPercent: 4 } })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    expect(monitor.thresholdsFor('users').cpuPercent).toBe(50)
  })
})
