/**
 * Where a router has nothing to win: four alike nodes that are all out of CPU. Clients in a closed loop, as many at each node; whoever answers slowly
 * is asked slowly. What counts is how many queries are done in all, beside round robin's.
 */
import { type Configuration, type Figures, isPlain, milliseconds, percent, plain, type Routing, type RoutingBench } from './bench.ts'
import { quantileOf } from '../../sim/statistics.ts'
import { Clients } from './clients.ts'
import { CpuBoundEngine, lognormal } from './engines.ts'
import { SimulatedMesh } from './simulated-mesh.ts'

const NODES = 4
const CORES = 2
const MEDIAN_MS = 50
const SIGMA = 0.4
const CLIENTS = 128
/** At each of both ends; measured by bench:hop as CPU for each request. */
const CARRY_CPU_MS = 0.1
const SETTLED_MS = 40_000
const WARM_UP_MS = 15_000

export interface LossCasePlan extends Routing {
  /** All clients are at the first node. */
  readonly isOneSided?: boolean
  readonly measuredMs: number
}

export async function runLossCase({ strategy, shape, isRemotePreferred = false, isOneSided = false, measuredMs }: LossCasePlan, seed: number): Promise<Figures> {
  const fromMs = SETTLED_MS + WARM_UP_MS
  const nodes = Array.from({ length: NODES }, () => ({
    createEngine: (time: SimulatedMesh['time'], random: SimulatedMesh['random']) => new CpuBoundEngine(time, () => lognormal(random, MEDIAN_MS, SIGMA), CORES),
  }))
  const mesh = new SimulatedMesh({ seed, nodes: shape === 'mesh' ? nodes : [...nodes, { createEngine: null }], ...(isPlain(strategy) ? {} : { strategy }), carryCpuMs: CARRY_CPU_MS })
  const clients = new Clients(mesh, { hints: isRemotePreferred ? 'prefer-remote' : '', plain: isPlain(strategy) ? strategy : null })
  clients.closed({ entries: shape === 'gateway' ? mesh.nodes.slice(NODES) : isOneSided ? mesh.nodes.slice(0, 1) : mesh.nodes, clients: CLIENTS, fromMs: SETTLED_MS, untilMs: fromMs + measuredMs })
  await mesh.time.runUntil(fromMs + measuredMs)
  const samples = clients.samples.filter(({ startedMs, tookMs }) => (tookMs < Infinity ? startedMs + tookMs : startedMs) >= fromMs)
  const answered = samples.filter(({ tookMs }) => tookMs < Infinity)
  const tookMs = answered.map((sample) => sample.tookMs)
  const counters = mesh.nodes.map(({ service }) => service.counters)
  return {
    perSecond: 1000 * answered.length / measuredMs, errors: samples.length - answered.length,
    p50Ms: quantileOf(tookMs, 0.5), p99Ms: quantileOf(tookMs, 0.99),
    forwarded: counters.reduce((sum, { forwarded }) => sum + forwarded, 0), failovers: counters.reduce((sum, { failovers }) => sum + failovers, 0),
    limit: mesh.nodes.slice(0, NODES).reduce((sum, { limit }) => sum + limit, 0) / NODES,
  }
}

const plans = {
  'mesh: default (nearest, local first)': { shape: 'mesh', strategy: 'nearest' },
  'mesh: peak-ewma, prefer-remote': { shape: 'mesh', strategy: 'peak-ewma', isRemotePreferred: true },
  'mesh: plain round robin (baseline)': { shape: 'mesh', strategy: 'plain round robin' },
  'gateway: default (nearest)': { shape: 'gateway', strategy: 'nearest' },
  'gateway: peak-ewma': { shape: 'gateway', strategy: 'peak-ewma' },
  'gateway: probe-pool': { shape: 'gateway', strategy: 'probe-pool' },
  'gateway: plain round robin (baseline)': { shape: 'gateway', strategy: 'plain round robin' },
  'one-sided: default (nearest, local first)': { shape: 'mesh', strategy: 'nearest', isOneSided: true },
  'one-sided: plain round robin (baseline)': { shape: 'mesh', strategy: 'plain round robin', isOneSided: true },
} as const satisfies Record<string, Omit<LossCasePlan, 'measuredMs'>>

const ASKED = 0.97

export const lossCase: RoutingBench = {
  summary: `${NODES} nodes of ${CORES} cores, CPU-bound queries with a median of ${MEDIAN_MS} ms (lognormal, sigma ${SIGMA}), ${CLIENTS} clients in a closed loop, as many at each node (mesh), at a node without a copy (gateway), or all at the first (one-sided); carrying a query to a peer costs ${CARRY_CPU_MS} ms of CPU at each end.`,
  columns: [
    { figure: 'perSecond', title: 'queries/s', show: plain(1) }, { figure: 'p50Ms', title: 'p50', show: milliseconds }, { figure: 'p99Ms', title: 'p99', show: milliseconds },
    { figure: 'errors', title: 'errors', show: plain(0) }, { figure: 'forwarded', title: 'forwarded', show: plain(0) }, { figure: 'failovers', title: 'failovers', show: plain(0) }, { figure: 'limit', title: 'places at the end', show: plain(1) },
  ],
  configurations: (isShort) => Object.entries(plans).map(([name, plan]): Configuration => ({ name, run: (seed) => runLossCase({ ...plan, measuredMs: isShort ? 15_000 : 30_000 }, seed) })),
  verdicts: (figures) => Object.keys(plans).filter((name) => !name.includes('baseline')).map((name) => ({
    configuration: name, asked: `at least ${percent(0)(ASKED)} of round robin's throughput`, bound: { atLeast: ASKED }, show: percent(1), isAsked: name.includes('default'),
    measured: (figures.get(name)?.['perSecond'] ?? NaN) / (figures.get(`${name.split(':')[0] ?? ''}: plain round robin (baseline)`)?.['perSecond'] ?? NaN),
  })),
}
