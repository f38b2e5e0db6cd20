/**
 * The claims of the SWIM paper (DSN 2002 §3–4): the first detection of a crash takes e/(e−1) ≈ 1.58 periods on average however large the
 * group, and the load of a member does not grow with it.
 *
 * A crash is detected in the period in which somebody first probes the victim. With every member at a phase of its own that is the number of
 * periods begun between the crash and the start of the probe that led to the first suspicion.
 */
import { CONFIGURATIONS, createMesh, type Configuration } from '../configurations.ts'
import type { Experiment, ExperimentInput } from '../experiment.ts'
import { meanOf, rounded, type Figures } from '../statistics.ts'

const SIZES = { quick: [50, 200], normal: [50, 200, 1000, 2000], full: [50, 100, 200, 500, 1000, 2000] } as const
const EXPECTED_PERIODS = Math.E / (Math.E - 1)
const SAMPLES = 100
const VICTIM_SHARE = 0.04
const IDLE_PERIODS = 20
const WATCHED_PERIODS = 15
const RETURN_PERIODS = 8

interface Run {
  readonly periods: number
  readonly suspectedPeriods: number
  readonly messages: number
}

function measure({ seed }: ExperimentInput, nodes: number, configuration: Configuration): Run {
  const crashedAtMs = new Map<string, number>()
  const periods: number[] = []
  const suspectedPeriods: number[] = []
  const mesh = createMesh({
    nodes, seed, configuration, gossipsub: null, syncIntervalMs: 0, crashWitnesses: 0, safety: false,
    onEvent: (_node, { type, atMs, sinceProbeMs, record: { peerId } }) => {
      const fromMs = crashedAtMs.get(peerId)
      if (type !== 'member-suspected' || fromMs === undefined || sinceProbeMs === null) return
      crashedAtMs.delete(peerId)
      // A probe under way when the victim fell silent was of the period before.
      periods.push(Math.max(1, Math.ceil((atMs - sinceProbeMs - fromMs) / mesh.options.probeIntervalMs)))
      suspectedPeriods.push((atMs - fromMs) / mesh.options.probeIntervalMs)
    },
  })
  const periodMs = mesh.options.probeIntervalMs
  mesh.startJoined()
  mesh.runFor(10 * periodMs)
  const before = mesh.totals.packets + mesh.totals.streamMessages
  mesh.runFor(IDLE_PERIODS * periodMs)
  const messages = (mesh.totals.packets + mesh.totals.streamMessages - before) / nodes / IDLE_PERIODS
  while (periods.length < SAMPLES) {
    const victims = mesh.choose(Math.max(1, Math.floor(VICTIM_SHARE * nodes)), [0])
    for (const victim of victims) {
      crashedAtMs.set(mesh.machine(victim).self.record.peerId, mesh.nowMs)
      mesh.crash(victim)
    }
    mesh.runFor(WATCHED_PERIODS * periodMs)
    crashedAtMs.clear()
    if (periods.length >= SAMPLES) break
    for (const victim of victims) mesh.start(victim)
    mesh.runFor(RETURN_PERIODS * periodMs)
  }
  return { periods: meanOf(periods), suspectedPeriods: meanOf(suspectedPeriods), messages }
}

export const swim: Experiment = {
  summary: 'periods until a crash is first detected, and messages per member and period, over sizes (SWIM paper)',
  nodes: 2000,
  quickNodes: 200,
  run: (input) => {
    const figures: Figures = {}
    for (const nodes of SIZES[input.extent].filter((size) => size <= input.nodes)) {
      for (const name of ['swim', 'ours'] as const) {
        input.progress(`${name}, ${nodes} nodes`)
        const run = measure(input, nodes, CONFIGURATIONS[name])
        figures[`${name}Periods${nodes}`] = rounded(run.periods)
        figures[`${name}SuspectedPeriods${nodes}`] = rounded(run.suspectedPeriods)
        figures[`${name}Messages${nodes}`] = rounded(run.messages)
      }
    }
    return figures
  },
  findings: (medians) => {
    const of = (prefix: string): number[] => Object.keys(medians).filter((name) => new RegExp(`^${prefix}\\d+$`).test(name)).map((name) => medians[name] as number)
    const sizes = Object.keys(medians).filter((name) => /^oursPeriods\d+$/.test(name)).map((name) => name.slice('oursPeriods'.length)).join(', ')
    const list = (prefix: string): string => of(prefix).join(' / ')
    const plain = of('swimPeriods')
    const isFlat = plain.length > 0 && plain.every((value) => Math.abs(value - EXPECTED_PERIODS) <= 0.15 * EXPECTED_PERIODS)
    const messages = of('oursMessages')
    return [
      {
        figure: `Periods until a crash is first detected, N = ${sizes}`, asked: '≈ 1.58 or less, flat in N', published: 'SWIM: 1.58', baseline: `plain SWIM ${list('swimPeriods')}`,
        ours: `${list('oursPeriods')} (first suspicion after ${list('oursSuspectedPeriods')} periods; plain SWIM ${list('swimSuspectedPeriods')})`,
        isMet: isFlat && of('oursPeriods').every((value) => value <= 1.15 * EXPECTED_PERIODS),
      },
      {
        figure: `Messages per member and period, N = ${sizes}`, asked: 'flat in N', published: 'SWIM: constant', baseline: `plain SWIM ${list('swimMessages')}`, ours: list('oursMessages'),
        isMet: messages.length > 0 && Math.max(...messages) <= 1.1 * Math.min(...messages),
      },
    ]
  },
}
