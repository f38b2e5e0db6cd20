import { describe, expect, it } from 'vitest'
import { busyPercent, readHostCpu } from '../../../../src/adapters/system/host-cpu.ts'
import { fixtureFolder } from './fixture-folder.ts'

const stat = [
  'cpu  1000 0 0 0 0 0 0 0 0 0',
  'cpu0 10 20 30 400 5 1 2 3 99 0',
  'cpu1 100 0 0 1000 0 0 0 0 0 0',
  'intr 1 2 3',
  'ctxt 5',
].join('\n')

describe('/proc/stat', () => {
  it('adds up the CPUs; waiting for disks is idle, stolen time is not, guest time counts once', () => {
    const procRoot = fixtureFolder({ stat })
    expect(readHostCpu(procRoot)).toEqual({ total: 471 + 1100, idle: 405 + 1000 })
  })

  it('leaves out CPUs that this process may not run on', () => {
    expect(readHostCpu(fixtureFolder({ stat, 'self/status': 'Name:\tnode\nCpus_allowed_list:\t0\n' }))).toEqual({ total: 471, idle: 405 })
    expect(readHostCpu(fixtureFolder({ stat, 'self/status': 'Cpus_allowed_list:\t0-3,7\n' }))).toEqual({ total: 1571, idle: 1405 })
  })

  it('is reported when it makes no sense', () => {
    expect(() => readHostCpu(fixtureFolder({ stat: 'intr 1\n' }))).toThrow(/no usable CPU lines/)
  })

  it('is not needed: other systems have counters too', () => {
    const { total, idle } = readHostCpu(fixtureFolder({ nothing: '' }))
    expect(total).toBeGreaterThan(0)
    expect(idle).toBeLessThanOrEqual(total)
  })
})

describe('busy percent', () => {
  it.each([
    [{ total: 0, idle: 0 }, { total: 200, idle: 50 }, 75],
    [{ total: 100, idle: 90 }, { total: 200, idle: 190 }, 0],
    [{ total: 100, idle: 90 }, { total: 200, idle: 90 }, 100],
    // Per-CPU counters may run back by a tick.
    [{ total: 100, idle: 90 }, { total: 200, idle: 89 }, 100],
    [{ total: 100, idle: 90 }, { total: 100, idle: 90 }, null],
  ])('%o to %o: %s', (before, after, percent) => {
    expect(busyPercent(before, after)).toBe(percent)
  })
})
