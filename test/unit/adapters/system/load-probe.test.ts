import { describe, expect, it, onTestFinished } from 'vitest'
import { createSystemLoadProbe, type SystemLoadSources } from '../../../../src/adapters/system/load-probe.ts'
import type { CgroupReading } from '../../../../src/adapters/system/cgroup.ts'
import type { LoadProbe } from '../../../../src/ports/load-probe.ts'

const GiB = 2 ** 30

/** A made-up system whose counters the test moves. */
class FakeSystem {
  nowMs = 0
  hostCpu = { total: 0, idle: 0 }
  cgroup: CgroupReading = { cpu: [], memory: [] }
  memory = { totalBytes: 8 * GiB, availableBytes: 6 * GiB }
  processCpuUs = 0
  memoryReads = 0
  failure: Error | null = null

  createProbe(): LoadProbe {
    const sources: SystemLoadSources = {
      nowMs: () => this.nowMs, hostCpu: () => this.hostCpu, cgroup: () => this.cgroup, processCpuUs: () => this.processCpuUs,
      hostMemory: () => {
        this.memoryReads++
        return this.failure === null ? Promise.resolve(this.memory) : Promise.reject(this.failure)
      },
    }
    const probe = createSystemLoadProbe(sources)
    onTestFinished(() => { probe.close() })
    return probe
  }

  /** A second in which the host was this busy. */
  pass(busyPercent: number): void {
    this.nowMs += 1000
    this.hostCpu = { total: this.hostCpu.total + 200, idle: this.hostCpu.idle + 2 * (100 - busyPercent) }
  }
}

describe('a reading', () => {
  it('is what happened since the last one', async () => {
    const system = new FakeSystem()
    const probe = system.createProbe()
    system.pass(30)
    system.processCpuUs += 250_000
    expect(await probe.read()).toMatchObject({ cpuPercent: 30, memoryPercent: 25, memoryBytes: 2 * GiB, processCpuPercent: 25 })
    system.pass(90)
    expect(await probe.read()).toMatchObject({ cpuPercent: 90, processCpuPercent: 0 })
  })

  it('has the event-loop delay as a figure that is never negative', async () => {
    const system = new FakeSystem()
    const probe = system.createProbe()
    system.pass(1)
    expect((await probe.read()).eventLoopDelayMs).toBeGreaterThanOrEqual(0)
  })

  it('is measured against the CPU quota where that is the tighter one', async () => {
    const system = new FakeSystem()
    system.cgroup = { cpu: [{ path: '/a', cores: 0.5, usedUs: 1_000_000 }, { path: '/', cores: 4, usedUs: 1_000_000 }], memory: [] }
    const probe = system.createProbe()
    system.pass(10)
    system.cgroup = { cpu: [{ path: '/a', cores: 0.5, usedUs: 1_450_000 }, { path: '/', cores: 4, usedUs: 1_450_000 }], memory: [] }
    expect((await probe.read()).cpuPercent).toBeCloseTo(90, 6)
  })

  it('is measured against the host where that is the tighter one', async () => {
    const system = new FakeSystem()
    system.cgroup = { cpu: [{ path: '/', cores: 1, usedUs: 0 }], memory: [{ path: '/', limitBytes: 4 * GiB, usedBytes: GiB }] }
    system.memory = { totalBytes: 8 * GiB, availableBytes: 0.8 * GiB }
    const probe = system.createProbe()
    system.pass(95)
    expect(await probe.read()).toMatchObject({ cpuPercent: 95, memoryPercent: 90, memoryBytes: 7.2 * GiB })
  })

  it('is measured against the memory limit where that is the tighter one', async () => {
    const system = new FakeSystem()
    system.cgroup = { cpu: [], memory: [{ path: '/a', limitBytes: GiB, usedBytes: 0.95 * GiB }, { path: '/', limitBytes: 64 * GiB, usedBytes: 63 * GiB }] }
    const probe = system.createProbe()
    system.pass(1)
    expect(await probe.read()).toMatchObject({ memoryPercent: 95, memoryBytes: 0.95 * GiB })
  })

  it('never exceeds 100 percent, though bursts may exceed a quota', async () => {
    const system = new FakeSystem()
    system.cgroup = { cpu: [{ path: '/', cores: 1, usedUs: 0 }], memory: [] }
    const probe = system.createProbe()
    system.pass(50)
    system.cgroup = { cpu: [{ path: '/', cores: 1, usedUs: 1_300_000 }], memory: [] }
    expect((await probe.read()).cpuPercent).toBe(100)
  })

  it('compares a quota that has just appeared with nothing', async () => {
    const system = new FakeSystem()
    const probe = system.createProbe()
    system.pass(10)
    system.cgroup = { cpu: [{ path: '/', cores: 1, usedUs: 9e12 }], memory: [] }
    expect((await probe.read()).cpuPercent).toBe(10)
  })
})

describe('calls', () => {
  it('that overlap share one reading', async () => {
    const system = new FakeSystem()
    const probe = system.createProbe()
    system.pass(40)
    const [first, second] = await Promise.all([probe.read(), probe.read()])
    expect(first).toBe(second)
    expect(system.memoryReads).toBe(1)
  })

  it('in quick succession get the last reading again, and lose no time of the next', async () => {
    const system = new FakeSystem()
    const probe = system.createProbe()
    system.pass(40)
    const first = await probe.read()
    system.nowMs += 50
    expect(await probe.read()).toBe(first)
    system.pass(60)
    expect((await probe.read()).cpuPercent).toBe(60)
  })

  it('report a failure, and work again afterwards', async () => {
    const system = new FakeSystem()
    const probe = system.createProbe()
    system.pass(40)
    system.failure = new Error('/proc/meminfo: permission denied')
    await expect(probe.read()).rejects.toThrow('/proc/meminfo: permission denied')
    system.failure = null
    expect((await probe.read()).cpuPercent).toBe(40)
  })

  it('give the last CPU figure when no tick has passed', async () => {
    const system = new FakeSystem()
    const probe = system.createProbe()
    system.pass(40)
    await probe.read()
    system.nowMs += 1000
    expect((await probe.read()).cpuPercent).toBe(40)
  })
})
