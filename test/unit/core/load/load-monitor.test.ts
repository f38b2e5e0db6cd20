import { describe, expect, it } from 'vitest'
import { LoadMonitor, type LoadEffect, type LoadMonitorInit } from '../../../../src/core/load/load-monitor.ts'

const quiet = { cpuPercent: 10, memoryPercent: 20, memoryBytes: 1e9, processCpuPercent: 5, eventLoopDelayMs: 0.5 }

/** Feeds one reading a second and collects what comes out. */
class Bench {
  readonly monitor: LoadMonitor
  nowMs = 0

  constructor(init: Partial<LoadMonitorInit> = {}) {
    this.monitor = new LoadMonitor({ peerId: 'self', ...init })
  }

  read(cpuPercent: number, memoryPercent = 20): LoadEffect[] {
    this.nowMs += 1000
    return this.monitor.handleReading(this.nowMs, { ...quiet, cpuPercent, memoryPercent })
  }

  reads(...cpuPercents: number[]): string[] {
    return cpuPercents.flatMap((cpuPercent) => this.read(cpuPercent)).map(({ kind }) => kind)
  }
}

describe('smoothing', () => {
  it('never shows a peak of one reading', () => {
    const bench = new Bench()
    expect(bench.reads(10, 10, 100, 10, 10, 100, 10)).toEqual([])
    expect(bench.monitor.cpuPercent).toBe(10)
  })

  it('shows a lasting load with its second reading, at its full height', () => {
    const bench = new Bench()
    bench.reads(10, 10, 10, 85)
    expect(bench.monitor.cpuPercent).toBe(10)
    expect(bench.reads(85)).toEqual(['overload-entered', 'publish'])
    expect(bench.monitor.cpuPercent).toBe(85)
  })

  it('enters at exactly the threshold', () => {
    const bench = new Bench()
    expect(bench.reads(80, 80)).toEqual([])
    expect(bench.reads(80)).toEqual(['overload-entered', 'publish'])
    expect(bench.monitor.overloadReason).toBe('CPU 80% has reached threshold 80%')
  })

  it('takes memory as read', () => {
    const bench = new Bench()
    expect(bench.read(10, 92)).toEqual([{ kind: 'overload-entered', reason: 'memory 92% exceeds threshold 90%', database: null }, { kind: 'publish' }])
  })

  it('takes the peak of its own start for no overload', () => {
    const bench = new Bench()
    expect(bench.reads(100)).toEqual([])
    expect(bench.monitor).toMatchObject({ cpuPercent: 100, overloaded: false })
    expect(bench.reads(20, 20)).toEqual([])
  })
})

describe('hysteresis', () => {
  it('leaves 5 points lower, after the dwell', () => {
    const bench = new Bench()
    bench.reads(85, 85, 85)
    expect(bench.reads(76, 76, 76, 76)).toEqual([])
    expect(bench.monitor.overloadReason).toBe('CPU 76% exceeded threshold 80% and is not back at 75% yet')
    // Low from the second of these on (the median), and for ten seconds.
    expect(bench.reads(75, 75, 75, 75, 75, 75, 75, 75, 75, 75, 75)).toEqual([])
    expect(bench.monitor.overloadReason).toBe('CPU 75% exceeded threshold 80% and has been back at 75% for less than 10 s')
    expect(bench.reads(75)).toEqual(['overload-left', 'publish'])
    expect(bench.monitor.overloadReason).toBeNull()
  })

  it('starts the dwell again when the load comes back up', () => {
    const bench = new Bench({ thresholds: { dwellMs: 3000 } })
    bench.reads(85, 85, 85, 60, 60)
    expect(bench.reads(78, 78, 60, 60, 60, 60)).toEqual([])
    expect(bench.reads(60)).toEqual(['overload-left', 'publish'])
  })

  it('flips nothing for a load that swings around the threshold', () => {
    const bench = new Bench()
    bench.reads(82, 82, 82)
    const swinging = Array.from({ length: 60 }, (_, second) => (second % 4 < 2 ? 77 : 84))
    expect(bench.reads(...swinging)).toEqual([])
    expect(bench.monitor.overloaded).toBe(true)
  })

  it('stays overloaded until both measures have left', () => {
    const bench = new Bench({ thresholds: { dwellMs: 0 } })
    for (let i = 0; i < 3; i++) bench.read(90, 95)
    expect(bench.monitor.overloadReason).toBe('CPU 90% exceeds threshold 80% and memory 95% exceeds threshold 90%')
    bench.read(10, 95)
    expect(bench.read(10, 95)).toEqual([])
    expect(bench.monitor.overloaded).toBe(true)
    expect(bench.read(10, 40).map(({ kind }) => kind)).toEqual(['overload-left', 'publish'])
  })
})

describe('fire drill', () => {
  const drill = { cpuPercent: 95, memoryPercent: null, forMs: 30_000 }

  it('pins the report at once and ends by itself at once', () => {
    const bench = new Bench()
    bench.reads(10, 10, 10)
    expect(bench.monitor.startDrill(3500, drill)).toEqual([{ kind: 'overload-entered', reason: 'CPU 95% exceeds threshold 80% (fire drill)', database: null }, { kind: 'publish' }])
    expect(bench.monitor.snapshot(3500, 1)).toMatchObject({ cpuPercent: 95, memoryPercent: 20, overloaded: true, drill: true })
    expect(bench.monitor.digest()).toMatchObject({ cpuPercent: 95, overloaded: true, drill: true })
    bench.reads(12, 12)
    expect(bench.monitor.cpuPercent).toBe(95)
    expect(bench.monitor.nextDeadlineMs()).toBe(33_500)
    expect(bench.monitor.handleTimeout(33_500).map(({ kind }) => kind)).toContain('overload-left')
    expect(bench.monitor.digest()).toMatchObject({ cpuPercent: 12, overloaded: false, drill: false })
  })

  it('publishes its start and end even where nothing flips', () => {
    const bench = new Bench()
    bench.reads(10, 10, 10)
    expect(bench.monitor.startDrill(3500, { cpuPercent: 50, memoryPercent: 50, forMs: 1000 })).toEqual([{ kind: 'publish' }])
    expect(bench.monitor.endDrill(3600)).toEqual([{ kind: 'publish' }])
    expect(bench.monitor.endDrill(3700)).toEqual([])
    expect(bench.monitor.handleTimeout(4500)).toEqual([])
  })

  it('leaves real overload in place when it ends', () => {
    const bench = new Bench()
    bench.reads(10, 10, 10)
    bench.monitor.startDrill(bench.nowMs, drill)
    bench.reads(90, 90, 90)
    expect(bench.monitor.endDrill(bench.nowMs)).toEqual([{ kind: 'publish' }])
    expect(bench.monitor.overloadReason).toBe('CPU 90% exceeds threshold 80%')
  })

  it('can pin a loaded node as idle, and gives the overload back afterwards', () => {
    const bench = new Bench()
    bench.reads(90, 90, 90)
    expect(bench.monitor.startDrill(bench.nowMs, { cpuPercent: 5, memoryPercent: 5, forMs: 1000 }).map(({ kind }) => kind)).toEqual(['overload-left', 'publish'])
    expect(bench.monitor.endDrill(bench.nowMs).map(({ kind }) => kind)).toEqual(['overload-entered', 'publish'])
  })

  it('is replaced by a second one, with its own end', () => {
    const bench = new Bench()
    bench.reads(10, 10, 10)
    bench.monitor.startDrill(3000, drill)
    bench.monitor.startDrill(4000, { cpuPercent: null, memoryPercent: 99, forMs: 60_000 })
    expect(bench.monitor.handleTimeout(33_000).map(({ kind }) => kind)).not.toContain('overload-left')
    expect(bench.monitor.digest()).toMatchObject({ cpuPercent: 10, memoryPercent: 99, overloaded: true, drill: true })
  })
})

describe('publishing', () => {
  it('comes soon after the start, then each interval', () => {
    const bench = new Bench({ intervalMs: 30_000 })
    expect(bench.monitor.nextDeadlineMs()).toBeNull()
    bench.read(10)
    expect(bench.monitor.nextDeadlineMs()).toBe(3500)
    expect(bench.monitor.handleTimeout(3500)).toEqual([{ kind: 'publish' }])
    expect(bench.monitor.nextDeadlineMs()).toBe(33_500)
  })

  it('counts the interval from the last publication of any kind', () => {
    const bench = new Bench({ intervalMs: 30_000 })
    bench.read(10)
    bench.monitor.handleTimeout(3500)
    bench.monitor.startDrill(20_000, { cpuPercent: 50, memoryPercent: null, forMs: 3_600_000 })
    expect(bench.monitor.nextDeadlineMs()).toBe(50_000)
  })

  it('says once what a late timeout brings together', () => {
    const bench = new Bench({ intervalMs: 30_000 })
    bench.reads(10, 10, 10)
    bench.monitor.startDrill(bench.nowMs, { cpuPercent: 95, memoryPercent: null, forMs: 30_000 })
    expect(bench.monitor.handleTimeout(99_000).filter(({ kind }) => kind === 'publish')).toHaveLength(1)
    expect(bench.monitor.nextDeadlineMs()).toBe(129_000)
  })

  it('numbers every change, so that a newer snapshot is known as newer', () => {
    const bench = new Bench()
    const sequences = [bench.monitor.digest().sequence]
    bench.read(10)
    sequences.push(bench.monitor.digest().sequence)
    bench.monitor.setInFlight(3)
    sequences.push(bench.monitor.snapshot(0, 0).sequence)
    bench.monitor.incrementInFlight()
    sequences.push(bench.monitor.digest().sequence)
    bench.monitor.decrementInFlight()
    bench.monitor.setReadyDatabases(['flights'])
    sequences.push(bench.monitor.digest().sequence)
    expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b))
    expect(bench.monitor.snapshot(0, 77)).toMatchObject({ peerId: 'self', atWallMs: 77, inFlight: 3, readyDatabases: ['flights'], memoryBytes: 1e9, processCpuPercent: 5, eventLoopDelayMs: 0.5 })
  })
})

describe('bad input', () => {
  it('refuses readings that are no load, and caps measuring noise', () => {
    const bench = new Bench()
    bench.reads(10, 10, 10)
    expect(bench.read(NaN)).toEqual([])
    expect(bench.read(-1)).toEqual([])
    expect(bench.monitor.readingsRefused).toBe(2)
    expect(bench.monitor.cpuPercent).toBe(10)
    bench.reads(104, 104, 104)
    expect(bench.monitor.cpuPercent).toBe(100)
  })

  it('refuses options out of range', () => {
    expect(() => new Bench({ intervalMs: 0 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    expect(() => new Bench({ thresholds: { cpuPercent: 4 } })).toThrow('load.leaveMarginPercent (5) must be below both thresholds')
    expect(() => new Bench({ thresholds: { cpu: 4 } as object })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_UNKNOWN' }))
  })
})

describe('a database with thresholds of its own', () => {
  const thresholdsOf = new Map([['signups', { cpuPercent: 50, dwellMs: 2_000 }], ['dashboards', { cpuPercent: 95, memoryPercent: 99, leaveMarginPercent: 10 }]])

  it('is judged by them, and others by those of the node', () => {
    const bench = new Bench({ thresholdsOf })
    const overloaded = (): boolean[] => ['signups', 'users', 'dashboards'].map((database) => bench.monitor.loadFor(database).overloaded)
    // What is told of the node goes by its own thresholds alone.
    expect([bench.read(60), bench.read(60), bench.read(60)]).toEqual([[], [], [{ kind: 'overload-entered', reason: 'CPU 60% exceeds threshold 50%', database: 'signups' }]])
    expect(bench.monitor.digest()).toMatchObject({ overloaded: false })
    expect([overloaded(), bench.monitor.digest().overloaded]).toEqual([[true, false, false], false])
    expect(bench.monitor.loadFor('signups').reason).toBe('CPU 60% exceeds threshold 50%')
    expect(bench.reads(85, 85)).toEqual(['overload-entered', 'publish'])
    expect(overloaded()).toEqual([true, true, false])
    bench.read(85, 97)
    expect([overloaded(), bench.monitor.loadFor('users').reason]).toEqual([[true, true, false], 'CPU 85% exceeds threshold 80% and memory 97% exceeds threshold 90%'])
    expect(bench.monitor.loadFor('dashboards')).toEqual({ overloaded: false, reason: null, thresholds: { cpuPercent: 95, memoryPercent: 99, leaveMarginPercent: 10, dwellMs: 10_000, intervalMs: 30_000 } })
    expect(bench.monitor.loadFor('users').thresholds).toBe(bench.monitor.options)
  })

  it('has its own margin and dwell', () => {
    const bench = new Bench({ thresholdsOf })
    bench.reads(100, 100, 100, 44, 44, 44)
    expect(bench.monitor.loadFor('signups')).toMatchObject({ overloaded: true, reason: 'CPU 44% exceeded threshold 50% and has been back at 45% for less than 2 s' })
    expect(bench.read(44)).toEqual([{ kind: 'overload-left', reason: 'CPU 44% is below threshold 50%, memory 20% below 90%', database: 'signups' }])
    expect([bench.monitor.loadFor('signups').overloaded, bench.monitor.overloaded]).toEqual([false, true])
    bench.reads(96, 96, 86)
    expect(bench.monitor.loadFor('dashboards')).toMatchObject({ overloaded: true })
  })

  it('is judged by the figures that a drill pins, until it ends', () => {
    const bench = new Bench({ thresholdsOf })
    bench.reads(10, 10, 10)
    bench.monitor.startDrill(bench.nowMs, { cpuPercent: 70, memoryPercent: null, forMs: 60_000 })
    expect([bench.monitor.loadFor('signups').reason, bench.monitor.overloaded]).toEqual(['CPU 70% exceeds threshold 50% (fire drill)', false])
    bench.monitor.endDrill(bench.nowMs)
    expect(bench.monitor.loadFor('signups').overloaded).toBe(false)
  })

  it('has ones by which overload can end', () => {
    expect(() => new Bench({ thresholdsOf: new Map([['a', { cpuPercent: 4 }]]) })).toThrow('must be below both thresholds')
  })
})

describe('service times', () => {
  function told(monitor: LoadMonitor, nowMs: number, times: Readonly<Record<string, number>>): boolean {
    const effects = monitor.handleServiceTimes(nowMs, times)
    if (effects.length > 0) monitor.snapshot(nowMs, 0)
    return effects.length > 0
  }

  it('are in digests of a node with one database, and in snapshots of all', () => {
    const { monitor } = new Bench()
    monitor.setReadyDatabases(['flights'])
    monitor.handleServiceTimes(0, { flights: 12 })
    expect(monitor.digest().serviceMs).toBe(12)
    monitor.setReadyDatabases(['flights', 'users'])
    expect(monitor.digest().serviceMs).toBeNull()
    expect(monitor.snapshot(0, 0).serviceTimesMs).toEqual({ flights: 12 })
    monitor.setReadyDatabases([])
    expect(monitor.digest().serviceMs).toBeNull()
  })

  it('are told at once when they become known or change by more than twice, at most every 5 s', () => {
    const { monitor } = new Bench()
    monitor.setReadyDatabases(['flights'])
    expect(told(monitor, 0, {})).toBe(false)
    expect(told(monitor, 1_000, { flights: 100 })).toBe(true)
    expect(told(monitor, 5_999, { flights: 2_000 })).toBe(false)
    expect(told(monitor, 6_000, { flights: 200 })).toBe(false)
    expect(told(monitor, 7_000, { flights: 201 })).toBe(true)
    expect(told(monitor, 12_000, { flights: 100 })).toBe(true)
    // Of a database that is not ready nobody wants to know.
    expect(told(monitor, 20_000, { flights: 100, users: 5 })).toBe(false)
  })
})
