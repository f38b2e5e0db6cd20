/** The plain scenarios: joining, idling, crashes, a cut host, loss, pauses, a short partition. Every step is checked at these sizes. */
import type { MemberEventType } from '../../../src/core/membership/types.ts'
import type { SimulatedEvent, SimulatedMesh } from '../../../test/simulation/mesh.ts'
import { createMesh } from '../configurations.ts'
import type { Experiment, ExperimentInput } from '../experiment.ts'
import { medianOf, rounded, type Figures } from '../statistics.ts'

const SETTLED_MS = 20_000
const LOSS_RATIO = 0.3

interface Joined {
  readonly mesh: SimulatedMesh
  readonly joinSeconds: number
  /** Since the join: those of the join itself are N² and tell nothing. */
  readonly events: SimulatedEvent[]
}

function createJoined({ nodes, seed, gossipsub, progress }: ExperimentInput): Joined {
  const events: SimulatedEvent[] = []
  let isJoined = false
  const mesh = createMesh({
    nodes, seed, ...(gossipsub ? {} : { gossipsub: null }),
    onEvent: (node, event) => { if (isJoined) events.push({ node, event }) },
  })
  mesh.startAll()
  mesh.runFor(1000)
  mesh.runUntil(() => {
    progress(`${rounded(mesh.nowMs / 1000)} s: ${mesh.running().length} started`)
    return mesh.running().length === nodes && mesh.isConverged()
  }, { withinMs: 600_000, everyMs: 250, what: 'the join' })
  isJoined = true
  const joinSeconds = rounded(mesh.nowMs / 1000)
  progress(`all see all after ${joinSeconds} s`)
  return { mesh, joinSeconds, events }
}

function joinedFor(input: ExperimentInput, measure: (joined: Joined) => Figures): Figures {
  const joined = createJoined(input)
  joined.mesh.runFor(SETTLED_MS)
  return { joinSeconds: joined.joinSeconds, ...measure(joined) }
}

function count(events: readonly SimulatedEvent[], type: MemberEventType): number {
  return events.filter(({ event }) => event.type === type).length
}

/** When each survivor learned of the failures. */
function lose({ mesh, events }: Joined, victimCount: number, how: 'crash' | 'cut'): Figures {
  const startMs = mesh.nowMs
  const victims = mesh.choose(victimCount)
  for (const victim of victims) {
    if (how === 'crash') mesh.crash(victim)
    else mesh.cutOff(victim)
  }
  const survivors = mesh.running().filter((index) => !victims.includes(index))
  mesh.runUntil(() => survivors.every((of) => victims.every((about) => mesh.stateOf(of, about) === 'failed')), { withinMs: 300_000, everyMs: 50, what: 'failed everywhere' })
  mesh.runFor(SETTLED_MS)
  const about = (peerId: string): boolean => victims.includes(mesh.indexOf(peerId))
  const told = events.filter(({ node, event }) => event.type === 'member-failed' && event.atMs >= startMs && survivors.includes(node))
  const times = told.filter(({ event }) => about(event.record.peerId)).map(({ event }) => event.atMs - startMs)
  return {
    firstFailedMs: rounded(Math.min(...times), 0), medianFailedMs: rounded(medianOf(times), 0), lastFailedMs: rounded(Math.max(...times), 0),
    falseFailures: told.filter(({ event }) => !about(event.record.peerId)).length,
  }
}

export const join: Experiment = {
  summary: 'all start within a second, one seed: until all see all', nodes: 200, quickNodes: null,
  run: (input) => ({ joinSeconds: createJoined(input).joinSeconds }),
}

export const idle: Experiment = {
  summary: 'a minute in which nothing happens: datagrams and bytes per node', nodes: 200, quickNodes: null,
  run: (input) => joinedFor(input, ({ mesh, events }) => {
    const before = { ...mesh.totals }
    mesh.runFor(60_000)
    const perNodeSecond = (total: number): number => rounded(total / 60 / mesh.size)
    return { datagramsPerSecond: perNodeSecond(mesh.totals.packets - before.packets), datagramBytesPerSecond: perNodeSecond(mesh.totals.bytes - before.bytes), suspicions: count(events, 'member-suspected') }
  }),
}

export const crash: Experiment = {
  summary: 'one process is killed: when each survivor knows', nodes: 200, quickNodes: null,
  run: (input) => joinedFor(input, (joined) => lose(joined, 1, 'crash')),
}

export const crashThird: Experiment = {
  summary: 'a third of all processes is killed at once', nodes: 200, quickNodes: null,
  run: (input) => joinedFor(input, (joined) => lose(joined, Math.floor(joined.mesh.size / 3), 'crash')),
}

export const cut: Experiment = {
  summary: 'one host is cut off; its connections stay open at the other ends', nodes: 200, quickNodes: null,
  run: (input) => joinedFor(input, (joined) => lose(joined, 1, 'cut')),
}

export const loss: Experiment = {
  summary: 'a minute at 30 % loss: false suspicions and failures', nodes: 200, quickNodes: null,
  run: (input) => joinedFor(input, ({ mesh, events }) => {
    mesh.network.conditions.lossRatio = LOSS_RATIO
    mesh.runFor(60_000)
    const figures = { suspicions: count(events, 'member-suspected'), falseFailures: count(events, 'member-failed') }
    mesh.network.conditions.lossRatio = 0
    return { ...figures, recoveredSeconds: mesh.runUntil(() => mesh.isConverged(), { withinMs: 300_000, what: 'recovery' }) / 1000 }
  }),
}

export const pause: Experiment = {
  summary: 'one process stands still for 3 s again and again, for a minute', nodes: 200, quickNodes: null,
  run: (input) => joinedFor(input, ({ mesh, events }) => {
    const [sleeper] = mesh.choose(1) as [number]
    for (let atMs = 0; atMs < 60_000; atMs += 4500) mesh.at(atMs, () => { mesh.pause(sleeper, 3000) })
    mesh.runFor(70_000)
    return { suspicions: count(events, 'member-suspected'), falseFailures: count(events, 'member-failed') }
  }),
}

export const partition: Experiment = {
  summary: 'two minutes of 60/40, then the heal', nodes: 200, quickNodes: null,
  run: (input) => joinedFor(input, ({ mesh, events }) => {
    const minority = mesh.choose(Math.floor(mesh.size * 0.4))
    mesh.network.partition([minority, mesh.running().filter((index) => !minority.includes(index))])
    mesh.runFor(120_000)
    const failuresDeclared = count(events, 'member-failed')
    mesh.network.healPartition()
    return { failuresDeclared, healSeconds: mesh.runUntil(() => mesh.isConverged(), { withinMs: 600_000, everyMs: 500, what: 'the heal' }) / 1000 }
  }),
}
