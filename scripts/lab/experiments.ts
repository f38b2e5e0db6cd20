/** What is done to a fleet, and what is read off. Times are milliseconds; each function leaves the fleet running as it says. */
import type { Fleet, Sighting } from './fleet.ts'
import { LabError } from './network.ts'

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN
}

const pauseMs = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })

export interface Detection {
  readonly firstMs: number
  readonly lastMs: number
}

/** Waits until every survivor has said that each victim failed. */
async function detected(fleet: Fleet, victims: readonly number[], sinceMs: number, withinMs: number): Promise<Detection> {
  const survivors = fleet.hosts.filter((host) => !victims.includes(host))
  const times = (): number[] | undefined => {
    const all = victims.map((victim) => fleet.timesOf('failed', victim, survivors, sinceMs))
    return all.every((one) => one !== undefined) ? all.flat() : undefined
  }
  await fleet.until(`${survivors.length} survivors to report ${victims.length} failed`, () => times() !== undefined, withinMs)
  const atMs = times() ?? []
  return { firstMs: Math.min(...atMs) - sinceMs, lastMs: Math.max(...atMs) - sinceMs }
}

/** SIGKILL of one, and of it again after it has come back, `runs` times. */
export async function kill(fleet: Fleet, runs: number, progress: (text: string) => void): Promise<Detection[]> {
  const found: Detection[] = []
  for (let run = 0; run < runs; run++) {
    const victim = fleet.hosts.at(-1 - (run % 3)) as number
    const sinceMs = performance.now()
    fleet.kill(victim)
    found.push(await detected(fleet, [victim], sinceMs, 60_000))
    progress(`kill ${run + 1}/${runs}: ${Math.round(found.at(-1)?.lastMs ?? NaN)} ms`)
    await rejoin(fleet, victim)
  }
  return found
}

/** A host vanishes without a FIN; it comes back as a new process. */
export async function cut(fleet: Fleet, runs: number, progress: (text: string) => void): Promise<Detection[]> {
  const found: Detection[] = []
  for (let run = 0; run < runs; run++) {
    const victim = fleet.hosts.at(-1 - (run % 3)) as number
    const sinceMs = performance.now()
    fleet.network.cut([victim])
    found.push(await detected(fleet, [victim], sinceMs, 60_000))
    progress(`cut ${run + 1}/${runs}: ${Math.round(found.at(-1)?.lastMs ?? NaN)} ms`)
    fleet.kill(victim)
    fleet.network.cut([])
    await rejoin(fleet, victim)
  }
  return found
}

/** SIGKILL of a third at once; they stay dead. */
export async function killThird(fleet: Fleet): Promise<Detection> {
  const victims = fleet.hosts.slice(-Math.floor(fleet.hosts.length / 3))
  const sinceMs = performance.now()
  for (const victim of victims) fleet.kill(victim)
  return await detected(fleet, victims, sinceMs, 120_000)
}

async function rejoin(fleet: Fleet, host: number): Promise<void> {
  const sinceMs = performance.now()
  const others = fleet.hosts
  await fleet.start(host)
  await fleet.until(`host ${host} to be back`, () => fleet.timesOf('joined', host, others, sinceMs) !== undefined, 120_000)
  await pauseMs(3000)
}

export interface FalseAlarms {
  readonly failures: number
  readonly suspicions: number
}

async function alarmsWithin(fleet: Fleet, seconds: number): Promise<FalseAlarms> {
  const sinceMs = performance.now()
  await pauseMs(seconds * 1000)
  const count = (what: Sighting): number => fleet.seen.filter((one) => one.what === what && one.atMs >= sinceMs).length
  return { failures: count('failed'), suspicions: count('suspected') }
}

/** Failure events about running members, at all observers together. */
export async function loss(fleet: Fleet, percent: number, seconds: number): Promise<FalseAlarms> {
  fleet.network.setLoss(percent)
  try {
    return await alarmsWithin(fleet, seconds)
  } finally {
    fleet.network.setLoss(0)
  }
}

/** One member stands still for 3 s, runs for 3 s, again and again. */
export async function pause(fleet: Fleet, seconds: number): Promise<FalseAlarms> {
  const victim = fleet.hosts.at(-1) as number
  const timer = setInterval(() => {
    fleet.signal(victim, 'SIGSTOP')
    setTimeout(() => { fleet.signal(victim, 'SIGCONT') }, 3000)
  }, 6000)
  try {
    return await alarmsWithin(fleet, seconds)
  } finally {
    clearInterval(timer)
    await pauseMs(3100)
    fleet.signal(victim, 'SIGCONT')
  }
}

/** From the first that knows to the last: a leave, a join and a failure, `runs` times each. */
export async function spread(fleet: Fleet, runs: number, progress: (text: string) => void): Promise<number[]> {
  const spans: number[] = []
  for (let run = 0; run < runs; run++) {
    const host = fleet.hosts.at(-1) as number
    const others = fleet.hosts.filter((one) => one !== host)
    const span = async (what: Sighting, sinceMs: number): Promise<void> => {
      await fleet.until(`${what} of host ${host} everywhere`, () => fleet.timesOf(what, host, others, sinceMs) !== undefined, 120_000)
      const times = fleet.timesOf(what, host, others, sinceMs) ?? []
      spans.push(Math.max(...times) - Math.min(...times))
    }
    let sinceMs = performance.now()
    await fleet.leave(host)
    await span('left', sinceMs)
    sinceMs = performance.now()
    await fleet.start(host)
    await span('joined', sinceMs)
    await pauseMs(3000)
    sinceMs = performance.now()
    fleet.kill(host)
    await span('failed', sinceMs)
    await rejoin(fleet, host)
    progress(`spread ${run + 1}/${runs}: ${spans.slice(-3).map((ms) => Math.round(ms)).join(', ')} ms`)
  }
  return spans
}

export interface Idle {
  readonly cpuPercent: number
  readonly sentBytesPerSecond: number
  readonly receivedBytesPerSecond: number
  readonly rssBytes: number
}

/** Means over the fleet. */
export async function idle(fleet: Fleet, seconds: number): Promise<Idle> {
  const before = fleet.hosts.map((host) => fleet.figures(host))
  await pauseMs(seconds * 1000)
  const after = fleet.hosts.map((host) => fleet.figures(host))
  const mean = (of: (index: number) => number): number => after.reduce((sum, _, index) => sum + of(index), 0) / after.length
  const grown = (key: 'cpuSeconds' | 'sent' | 'received') => (index: number): number => ((after[index]?.[key] ?? 0) - (before[index]?.[key] ?? 0)) / seconds
  return {
    cpuPercent: 100 * mean(grown('cpuSeconds')), sentBytesPerSecond: mean(grown('sent')), receivedBytesPerSecond: mean(grown('received')),
    rssBytes: mean((index) => after[index]?.rssBytes ?? 0),
  }
}

/** From its ports being open until it sees all and all see it; it leaves again each time. */
export async function join(fleet: Fleet, runs: number, progress: (text: string) => void): Promise<number[]> {
  const host = fleet.hosts.at(-1) as number
  await fleet.leave(host)
  const others = fleet.hosts
  const waitedMs: number[] = []
  for (let run = 0; run < runs; run++) {
    await pauseMs(500)
    const sinceMs = performance.now()
    await fleet.start(host)
    const readyMs = fleet.seen.findLast((one) => one.what === 'ready' && one.by === host)?.atMs ?? NaN
    const isDone = (): boolean => others.every((other) => fleet.timesOf('joined', other, [host], sinceMs) !== undefined) && fleet.timesOf('joined', host, others, sinceMs) !== undefined
    await fleet.until('a newcomer to see all and be seen by all', isDone, 120_000)
    const times = [...others.flatMap((other) => fleet.timesOf('joined', other, [host], sinceMs) ?? []), ...(fleet.timesOf('joined', host, others, sinceMs) ?? [])]
    waitedMs.push(Math.max(...times) - readyMs)
    progress(`join ${run + 1}/${runs}: ${Math.round(waitedMs.at(-1) ?? NaN)} ms`)
    const leftMs = performance.now()
    if (run === runs - 1) break
    await fleet.leave(host)
    await fleet.until('the leave to be known', () => fleet.timesOf('left', host, others, leftMs) !== undefined, 60_000)
  }
  return waitedMs
}

/** 40 to 60, apart for so long that every timer has run out; then until all see all. */
export async function heal(fleet: Fleet, seconds: number): Promise<number> {
  const count = fleet.hosts.length
  const minority = fleet.hosts.slice(0, Math.floor(count * 0.4))
  fleet.network.partition(minority)
  await pauseMs(seconds * 1000)
  if (fleet.hosts.every((by) => fleet.view(by).size === count - 1)) throw new LabError('the partition was not noticed')
  const sinceMs = performance.now()
  fleet.network.cut([])
  await fleet.until('all to see all again', () => fleet.hosts.every((by) => fleet.view(by).size === count - 1), 300_000)
  return performance.now() - sinceMs
}
