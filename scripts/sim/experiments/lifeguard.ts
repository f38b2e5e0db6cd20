/**
 * Lifeguard's experiments (arXiv 1707.00788 §V-D): some members go through anomalies that block their handling of messages: what arrives waits, what
 * they send is held, timers run on. All anomalous members are blocked at the same times, for D, with gaps of I, over 120 s; a false positive is
 * a failure event about a member that is not anomalous, counted at all members (FP) and at healthy ones (FP−).
 *
 * Latency is measured apart, as there, on one member that is blocked for good: until the first and until the last other member holds it for
 * failed. A crash proper, whose host refuses connections, is measured beside it.
 *
 * All configurations run over datagrams alone, so that messages and dissemination compare; ours again with gossipsub, as it is deployed.
 */
import { CONFIGURATIONS, createMesh, GOSSIPSUB, type Configuration } from '../configurations.ts'
import type { Experiment, ExperimentInput, Finding } from '../experiment.ts'
import { medianOf, rounded, type Figures } from '../statistics.ts'

interface Cell {
  readonly anomalous: number
  readonly durationMs: number
  readonly gapMs: number
}

const GRIDS = {
  quick: grid([8], [16_384], [64]),
  normal: grid([8, 32], [2048, 8192, 32_768], [4, 4096]),
  full: grid([1, 4, 8, 12, 16, 20, 24, 28, 32], [128, 512, 2048, 8192, 16_384, 32_768], [1, 4, 16, 64, 256, 1024, 4096, 16_384]),
} as const
const SETTLE_MS = 10_000
const CELL_MS = 120_000
const LATENCY_RUNS = { quick: 3, normal: 9, full: 25 } as const
const LATENCY_MS = 90_000
/** What counts as equal latency: Lifeguard's own, in the experiment that its figures are from. */
const LATENCY_RATIO_MAX = 1.03

const { swim, memberlist, ours } = CONFIGURATIONS
const COMPARED = {
  swim: { configuration: swim, gossipsub: null },
  memberlist: { configuration: memberlist, gossipsub: null },
  ours: { configuration: ours, gossipsub: null },
  /** Ours with the shortest suspicion that keeps within 57 % of SWIM's latency. */
  oursFast: { configuration: { ...ours, options: { suspicionMultiplier: 1.8 } }, gossipsub: null },
  oursDeployed: { configuration: ours, gossipsub: GOSSIPSUB },
} as const satisfies Record<string, { configuration: Configuration; gossipsub: typeof GOSSIPSUB | null }>

type Name = keyof typeof COMPARED

function grid(counts: readonly number[], durationsMs: readonly number[], gapsMs: readonly number[]): Cell[] {
  return counts.flatMap((anomalous) => durationsMs.flatMap((durationMs) => gapsMs.map((gapMs) => ({ anomalous, durationMs, gapMs }))))
}

function runCell({ nodes, seed }: ExperimentInput, name: Name, { anomalous, durationMs, gapMs }: Cell): { falsePositives: number; atHealthy: number; messages: number } {
  const { configuration, gossipsub } = COMPARED[name]
  const sick = new Set<number>()
  let falsePositives = 0
  let atHealthy = 0
  const mesh = createMesh({
    nodes, seed, configuration, gossipsub, safety: false,
    onEvent: (node, { type, record: { peerId } }) => {
      if (type !== 'member-failed' || sick.size === 0 || sick.has(mesh.indexOf(peerId))) return
      falsePositives++
      if (!sick.has(node)) atHealthy++
    },
  })
  mesh.startJoined()
  mesh.runFor(SETTLE_MS)
  for (const index of mesh.choose(Math.min(anomalous, Math.floor(nodes / 4)))) sick.add(index)
  const before = mesh.totals.packets + mesh.totals.streamMessages
  for (let atMs = 0; atMs < CELL_MS; atMs += durationMs + gapMs) {
    mesh.at(atMs, () => { for (const index of sick) mesh.block(index, Math.min(durationMs, CELL_MS - atMs)) })
  }
  mesh.runFor(CELL_MS)
  const messages = mesh.totals.packets + mesh.totals.streamMessages - before
  mesh.runFor(SETTLE_MS)
  return { falsePositives, atHealthy, messages }
}

function runLatency({ nodes, seed }: ExperimentInput, name: Name, kind: 'hung' | 'crash', run: number): { firstMs: number; lastMs: number } {
  const { configuration, gossipsub } = COMPARED[name]
  const atMs = new Map<number, number>()
  let victim = -1
  const mesh = createMesh({
    nodes, seed: seed + 1000 * run, configuration, gossipsub, safety: false,
    onEvent: (node, event) => {
      if (event.type === 'member-failed' && mesh.indexOf(event.record.peerId) === victim && node !== victim && !atMs.has(node)) atMs.set(node, event.atMs)
    },
  })
  mesh.startJoined()
  mesh.runFor(SETTLE_MS + 137 * run)
  victim = mesh.choose(1)[0] as number
  const startMs = mesh.nowMs
  if (kind === 'hung') mesh.block(victim, LATENCY_MS)
  else mesh.crash(victim)
  while (atMs.size < nodes - 1 && mesh.nowMs - startMs < LATENCY_MS) mesh.runFor(500)
  const times = [...atMs.values()]
  return { firstMs: times.length === 0 ? Infinity : Math.min(...times) - startMs, lastMs: times.length < nodes - 1 ? Infinity : Math.max(...times) - startMs }
}

export const lifeguard: Experiment = {
  summary: 'members that block for 128 ms to 32.8 s: false positives, latency and messages beside SWIM and memberlist (Lifeguard)',
  nodes: 128,
  quickNodes: 64,
  run: (input) => {
    const figures: Figures = {}
    const cells = GRIDS[input.extent]
    for (const name of Object.keys(COMPARED) as Name[]) {
      let falsePositives = 0
      let atHealthy = 0
      let messages = 0
      cells.forEach((cell, index) => {
        input.progress(`${name}: cell ${index + 1} of ${cells.length}, ${falsePositives} false positives so far`)
        const counted = runCell(input, name, cell)
        falsePositives += counted.falsePositives
        atHealthy += counted.atHealthy
        messages += counted.messages
      })
      Object.assign(figures, { [`${name}FalsePositives`]: falsePositives, [`${name}AtHealthy`]: atHealthy, [`${name}Messages`]: messages })
      for (const kind of ['hung', 'crash'] as const) {
        input.progress(`${name}: latency of a ${kind}`)
        const runs = Array.from({ length: LATENCY_RUNS[input.extent] }, (_, run) => runLatency(input, name, kind, run))
        figures[`${name}${kind}FirstSeconds`] = rounded(medianOf(runs.map((run) => run.firstMs)) / 1000)
        figures[`${name}${kind}LastSeconds`] = rounded(medianOf(runs.map((run) => run.lastMs)) / 1000)
      }
    }
    return figures
  },
  findings: (medians, nodes) => {
    const of = (name: Name, what: string): number => medians[name + what] ?? NaN
    const percent = (name: Name, what: string): number => rounded(100 * of(name, what) / of('swim', what))
    const latency = (name: Name, kind = 'hung'): string => `${of(name, `${kind}FirstSeconds`)} s / ${of(name, `${kind}LastSeconds`)} s`
    const share = (name: Name, what: string): string => `${percent(name, what)} % (${of(name, what)})`
    const row = (figure: string, asked: string, published: string, baseline: string, shown: string, isMet: boolean | null): Finding => ({ figure: `Anomalies at N = ${nodes}: ${figure}`, asked, published, baseline, ours: shown, isMet })
    return [
      row('false positives, of plain SWIM’s', '≤ 1.5 %', 'Lifeguard 1.5 %', `SWIM ${of('swim', 'FalsePositives')}, memberlist ${share('memberlist', 'FalsePositives')}`, share('ours', 'FalsePositives'), percent('ours', 'FalsePositives') <= 1.5),
      row('the same at healthy members', '≤ 1.9 %', 'Lifeguard 1.9 %', `SWIM ${of('swim', 'AtHealthy')}, memberlist ${share('memberlist', 'AtHealthy')}`, share('ours', 'AtHealthy'), percent('ours', 'AtHealthy') <= 1.9),
      row('first / last detection of a member blocked for good (median)', 'equal to SWIM’s: at most 103 % of it', 'Lifeguard: 103 % of SWIM’s', `SWIM ${latency('swim')}, memberlist ${latency('memberlist')}`, latency('ours'),
        of('ours', 'hungFirstSeconds') <= LATENCY_RATIO_MAX * of('swim', 'hungFirstSeconds') && of('ours', 'hungLastSeconds') <= LATENCY_RATIO_MAX * of('swim', 'hungLastSeconds')),
      row('messages, of plain SWIM’s', '≤ 110 %', 'Lifeguard 111 %', `memberlist ${percent('memberlist', 'Messages')} %`, `${percent('ours', 'Messages')} %`, percent('ours', 'Messages') <= 110),
      row('with a shorter suspicion: latency', '≤ 57 % of SWIM’s', 'Lifeguard 57 %', '', `${rounded(100 * of('oursFast', 'hungFirstSeconds') / of('swim', 'hungFirstSeconds'))} % first, ${rounded(100 * of('oursFast', 'hungLastSeconds') / of('swim', 'hungLastSeconds'))} % last`,
        of('oursFast', 'hungFirstSeconds') <= 0.57 * of('swim', 'hungFirstSeconds')),
      row('with a shorter suspicion: false positives, of plain SWIM’s', '≤ 5 %', 'Lifeguard 14 %', '', share('oursFast', 'FalsePositives'), percent('oursFast', 'FalsePositives') <= 5),
      row('first / last detection of a crash (median)', '', '', `SWIM ${latency('swim', 'crash')}, memberlist ${latency('memberlist', 'crash')}`, `${latency('ours', 'crash')}; with gossipsub ${latency('oursDeployed', 'crash')}`, null),
      row('as deployed, with gossipsub', '', '', '', `${share('oursDeployed', 'FalsePositives')}, at healthy ${share('oursDeployed', 'AtHealthy')}; blocked for good ${latency('oursDeployed')}`, null),
    ]
  },
}
