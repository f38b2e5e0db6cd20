/**
 * What is done to a fleet, and what is read off. Each is handed a fleet in which all see one another; a figure that does not come in time is
 * Infinity, and what hinders the rest of the experiment is a LabError.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Fleet } from './fleet.ts'
import { LabError } from './lab-error.ts'
import { type Figure, median, worst } from './figures.ts'
import type { Sighting } from './sightings.ts'

export interface Settings {
  readonly runs: number
  readonly seconds: number
  readonly percent: number
  readonly progress: (text: string) => void
}

export type Experiment = (fleet: Fleet, settings: Settings) => Promise<Figure[]>

const detectionMs = 90_000
const newsMs = 60_000
const healMs = 300_000
/** After a change, before the next: until connections, syncs and acks of it are over. */
const settleMs = 3000
const idleSettleMs = 30_000
const pauseMs = 3000

interface Detection {
  readonly firstMs: number
  readonly lastMs: number
}

/** Until the first and until the last survivor has said that a victim failed; Infinity when one has not said so of all. */
async function detection(fleet: Fleet, victims: readonly number[], sinceMs: number): Promise<Detection> {
  const survivors = fleet.hosts.filter((host) => !victims.includes(host))
  await fleet.until(() => victims.every((victim) => fleet.sightings.timesOfAll('failed', victim, survivors, sinceMs) !== null), detectionMs)
  const times = victims.flatMap((victim) => fleet.sightings.times('failed', victim, survivors, sinceMs)).map((atMs) => (atMs === null ? Infinity : atMs - sinceMs))
  return { firstMs: Math.min(...times), lastMs: worst(times) }
}

/** Never the seed, and not always the same. */
function victimOf(fleet: Fleet, run: number): number {
  return fleet.hosts.at(-1 - (run % Math.min(3, fleet.hosts.length - 1))) ?? 0
}

async function backAgain(fleet: Fleet, hosts: readonly number[]): Promise<void> {
  for (const host of hosts) await fleet.start(host)
  await fleet.agreed()
  await delay(settleMs)
}

async function detections(fleet: Fleet, { runs, progress }: Settings, what: string, vanish: (host: number) => void, mend: (host: number) => void): Promise<Detection[]> {
  const found: Detection[] = []
  for (let run = 0; run < runs; run++) {
    const victim = victimOf(fleet, run)
    const sinceMs = performance.now()
    vanish(victim)
    const one = await detection(fleet, [victim], sinceMs)
    found.push(one)
    progress(`${what} ${run + 1} of ${runs}: first ${Math.round(one.firstMs)} ms, last ${Math.round(one.lastMs)} ms`)
    mend(victim)
    await backAgain(fleet, [victim])
  }
  return found
}

const kill: Experiment = async (fleet, settings) => {
  const found = await detections(fleet, settings, 'kill', (host) => { fleet.kill(host) }, () => undefined)
  const name = `SIGKILL of one of ${fleet.network.size}`
  return [
    { name: `${name}: first report, median`, value: median(found.map(({ firstMs }) => firstMs)), unit: 'ms' },
    { name: `${name}: last survivor, median`, value: median(found.map(({ lastMs }) => lastMs)), unit: 'ms' },
    { name: `${name}: last survivor, worst of ${found.length}`, value: worst(found.map(({ lastMs }) => lastMs)), unit: 'ms', asked: 1000 },
  ]
}

const cut: Experiment = async (fleet, settings) => {
  const found = await detections(fleet, settings, 'cut', (host) => { fleet.network.cut([host]) }, (host) => {
    fleet.kill(host)
    fleet.network.cut([])
  })
  const name = `host cut off, of ${fleet.network.size}`
  return [
    { name: `${name}: first report, median`, value: median(found.map(({ firstMs }) => firstMs)), unit: 'ms' },
    { name: `${name}: last survivor, median`, value: median(found.map(({ lastMs }) => lastMs)), unit: 'ms' },
    { name: `${name}: last survivor, worst of ${found.length}`, value: worst(found.map(({ lastMs }) => lastMs)), unit: 'ms', asked: 5000 },
  ]
}

const killThird: Experiment = async (fleet, { runs, progress }) => {
  const found: number[] = []
  for (let run = 0; run < runs; run++) {
    const victims = fleet.hosts.slice(-Math.floor(fleet.hosts.length / 3))
    const sinceMs = performance.now()
    for (const victim of victims) fleet.kill(victim)
    found.push((await detection(fleet, victims, sinceMs)).lastMs)
    progress(`kill-third ${run + 1} of ${runs}: all agree after ${Math.round(found.at(-1) ?? NaN)} ms`)
    if (run < runs - 1) await backAgain(fleet, victims)
  }
  const name = `SIGKILL of a third of ${fleet.network.size}: all agree`
  return [
    { name: `${name}, median`, value: median(found), unit: 'ms' },
    { name: `${name}, worst of ${runs}`, value: worst(found), unit: 'ms', asked: 5000 },
  ]
}

/** What is said about members that all run, by all of them, while `during` lasts. */
async function falseAlarms(fleet: Fleet, name: string, during: () => Promise<void>): Promise<Figure[]> {
  const sinceMs = performance.now()
  await during()
  const failures = fleet.sightings.since('failed', sinceMs)
  const suspicions = fleet.sightings.since('suspected', sinceMs)
  return [
    { name: `${name}: false failures, all observers`, value: failures.length, unit: 'count', asked: 0 },
    { name: `${name}: members falsely failed`, value: new Set(failures.map(({ about }) => about)).size, unit: 'count', asked: 0 },
    { name: `${name}: suspicions, all observers`, value: suspicions.length, unit: 'count' },
  ]
}

const loss: Experiment = async (fleet, { percent, seconds }) => {
  fleet.network.setLoss(percent)
  try {
    return await falseAlarms(fleet, `${percent} % loss for ${seconds} s, ${fleet.network.size}`, () => delay(seconds * 1000))
  } finally {
    fleet.network.setLoss(0)
  }
}

const pause: Experiment = async (fleet, { seconds }) => {
  const victim = victimOf(fleet, 0)
  const rounds = Math.max(1, Math.round(seconds * 1000 / (2 * pauseMs)))
  return await falseAlarms(fleet, `one of ${fleet.network.size} paused 3 s, ${rounds} times`, async () => {
    for (let round = 0; round < rounds; round++) {
      fleet.signal(victim, 'SIGSTOP')
      await delay(pauseMs)
      fleet.signal(victim, 'SIGCONT')
      await delay(pauseMs)
    }
  })
}

/** From the first that says so to the last. */
const spread: Experiment = async (fleet, { runs, progress }) => {
  const spans = { left: [] as number[], joined: [] as number[], failed: [] as number[] }
  const host = victimOf(fleet, 0)
  const others = fleet.hosts.filter((one) => one !== host)
  const span = async (what: Sighting & keyof typeof spans, change: () => Promise<unknown>): Promise<void> => {
    const sinceMs = performance.now()
    await change()
    await fleet.until(() => fleet.sightings.timesOfAll(what, host, others, sinceMs) !== null, newsMs)
    const times = fleet.sightings.timesOfAll(what, host, others, sinceMs)
    spans[what].push(times === null ? Infinity : worst(times) - Math.min(...times))
    await delay(settleMs)
  }
  for (let run = 0; run < runs; run++) {
    await span('left', () => fleet.leave(host))
    await span('joined', () => fleet.start(host))
    await fleet.agreed()
    await span('failed', () => Promise.resolve(fleet.kill(host)))
    await backAgain(fleet, [host])
    progress(`spread ${run + 1} of ${runs}: leave ${shown(spans.left)}, join ${shown(spans.joined)}, failure ${shown(spans.failed)} ms`)
  }
  const all = Object.values(spans).flat()
  const name = `news, from the first to the last of ${fleet.network.size}`
  return [
    { name: `${name}: median`, value: median(all), unit: 'ms', asked: 50 },
    { name: `${name}: leave, median`, value: median(spans.left), unit: 'ms' },
    { name: `${name}: join, median`, value: median(spans.joined), unit: 'ms' },
    { name: `${name}: failure, median`, value: median(spans.failed), unit: 'ms' },
    { name: `${name}: worst of ${all.length}`, value: worst(all), unit: 'ms' },
  ]
}

function shown(values: readonly number[]): number {
  return Math.round(values.at(-1) ?? NaN)
}

const idle: Experiment = async (fleet, { seconds }) => {
  await delay(idleSettleMs)
  const before = fleet.figures()
  const sinceMs = performance.now()
  await delay(seconds * 1000)
  const after = fleet.figures()
  const tookSeconds = (performance.now() - sinceMs) / 1000
  const rates = (key: keyof (typeof after)[number]): number[] => after.map((one, index) => (one[key] - (before[index]?.[key] ?? 0)) / tookSeconds)
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const name = `idle for ${seconds} s, a node of ${fleet.network.size}`
  return [
    { name: `${name}: CPU, mean`, value: 100 * mean(rates('cpuSeconds')), unit: '%', asked: 1 },
    { name: `${name}: CPU, worst node`, value: 100 * worst(rates('cpuSeconds')), unit: '%' },
    { name: `${name}: datagrams sent`, value: mean(rates('sentDatagramBytes')), unit: 'B/s', asked: 'serf' },
    { name: `${name}: datagrams received`, value: mean(rates('receivedDatagramBytes')), unit: 'B/s', asked: 'serf' },
    { name: `${name}: all packets sent`, value: mean(rates('sentBytes')), unit: 'B/s' },
    { name: `${name}: all packets received`, value: mean(rates('receivedBytes')), unit: 'B/s' },
    { name: `${name}: resident memory`, value: mean(after.map(({ rssBytes }) => rssBytes)) / 1e6, unit: 'MB' },
  ]
}

/** A host that was never here, again and again; it leaves in between. */
const join: Experiment = async (fleet, { runs, progress }) => {
  const host = victimOf(fleet, 0)
  const others = fleet.hosts.filter((one) => one !== host)
  const waits = { sees: [] as number[], isSeen: [] as number[], both: [] as number[] }
  for (let run = 0; run < runs; run++) {
    await fleet.leave(host)
    // A host that serf has seen before may be failed to it, not left, when it leaves again: all that matters is that nobody has it any more.
    if (!await fleet.until(() => fleet.sightings.isAgreed(others), newsMs)) throw new LabError(`not all have heard that host ${host} left`)
    await delay(1000)
    const sinceMs = performance.now()
    const openMs = await fleet.start(host, { isNew: true })
    const seesAll = (): number[] | null => {
      const times = others.map((other) => fleet.sightings.timesOfAll('joined', other, [host], sinceMs)?.[0] ?? null)
      return times.every((atMs) => atMs !== null) ? times : null
    }
    const seenByAll = (): number[] | null => fleet.sightings.timesOfAll('joined', host, others, sinceMs)
    await fleet.until(() => seenByAll() !== null && seesAll() !== null, newsMs)
    const waited = (times: readonly number[] | null): number => (times === null ? Infinity : Math.max(0, worst(times) - openMs))
    const [sees, isSeen] = [waited(seesAll()), waited(seenByAll())]
    waits.sees.push(sees)
    waits.isSeen.push(isSeen)
    waits.both.push(Math.max(sees, isSeen))
    progress(`join ${run + 1} of ${runs}: sees all after ${Math.round(sees)} ms, is seen by all after ${Math.round(isSeen)} ms`)
  }
  const name = `join of ${fleet.network.size}`
  return [
    { name: `${name}: sees all, median`, value: median(waits.sees), unit: 'ms' },
    { name: `${name}: seen by all, median`, value: median(waits.isSeen), unit: 'ms' },
    { name: `${name}: both, median of ${runs}`, value: median(waits.both), unit: 'ms', asked: 500 },
    { name: `${name}: both, worst of ${runs}`, value: worst(waits.both), unit: 'ms', asked: 2000 },
  ]
}

/** Two fifths and three fifths, apart until every timer has run out. */
const heal: Experiment = async (fleet, { seconds, progress }) => {
  const minority = fleet.hosts.slice(0, Math.floor(fleet.hosts.length * 0.4))
  fleet.network.partition(minority)
  await delay(seconds * 1000)
  const isApart = fleet.hosts.every((by) => fleet.sightings.present(by).size === (minority.includes(by) ? minority.length : fleet.hosts.length - minority.length) - 1)
  progress(isApart ? 'both sides have given the other up' : 'not all have given the other side up')
  const sinceMs = performance.now()
  fleet.network.cut([])
  const isHealed = await fleet.until(() => fleet.sightings.isAgreed(fleet.hosts), healMs)
  return [{ name: `heal after ${seconds} s apart, ${fleet.network.size}: all see all`, value: isHealed ? performance.now() - sinceMs : Infinity, unit: 'ms' }]
}

export const experiments: Readonly<Record<string, Experiment>> = { kill, cut, 'kill-third': killThird, loss, pause, spread, idle, join, heal }
