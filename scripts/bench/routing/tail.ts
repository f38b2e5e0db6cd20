/**
 * One slow server among eleven (after the comparison of balancers in Finagle's documentation): 1,000 queries a second, open loop, for 60 s; 167 ms median
 * service time; one node takes 2 s for every query in the middle 30 s.
 *
 * Two shapes. **mesh**: every node has a copy and clients of its own, as the product is meant to be used; the baselines spread every query
 * over all of them. **gateway**: the clients ask one node without a copy, which is the
 * published experiment.
 */
import { createRandom } from '../../../src/core/time/random.ts'
import { quantileOf } from '../../sim/statistics.ts'
import { type Configuration, type Figures, isPlain, milliseconds, percent, plain, type Routing, type RoutingBench } from './bench.ts'
import { Clients } from './clients.ts'
import { lognormal, SleepingEngine } from './engines.ts'
import { SimulatedMesh } from './simulated-mesh.ts'

const SERVERS = 11
const MEDIAN_MS = 167
const SIGMA = 0.4
const SLOW_MS = 2_000
const PER_SECOND = 1_000
const WITHIN_MS = 1_000
/** Peers are known and warm, and the load is on. */
const SETTLED_MS = 40_000
const WARM_UP_MS = 5_000

export interface TailPlan extends Routing {
  readonly measuredMs: number
}

export async function runTail({ strategy, shape, isRemotePreferred = false, hedgeAfterMs = 0, measuredMs }: TailPlan, seed: number): Promise<Figures> {
  const fromMs = SETTLED_MS + WARM_UP_MS
  const [slowFromMs, slowUntilMs] = [fromMs + measuredMs / 4, fromMs + measuredMs * 3 / 4]
  const servers = Array.from({ length: SERVERS }, (_, index) => ({
    createEngine: (time: SimulatedMesh['time'], random: SimulatedMesh['random']) => new SleepingEngine(time, (nowMs) =>
      index === 0 && nowMs >= slowFromMs && nowMs < slowUntilMs ? SLOW_MS : lognormal(random, MEDIAN_MS, SIGMA)),
  }))
  const mesh = new SimulatedMesh({ seed, nodes: shape === 'mesh' ? servers : [...servers, { createEngine: null }], ...(isPlain(strategy) ? {} : { strategy }), hedgeAfterMs })
  const clients = new Clients(mesh, { hints: isRemotePreferred ? 'prefer-remote' : '', plain: isPlain(strategy) ? strategy : null })
  clients.open({ entries: shape === 'mesh' ? mesh.nodes : mesh.nodes.slice(SERVERS), perSecond: PER_SECOND, fromMs: SETTLED_MS, untilMs: fromMs + measuredMs, random: createRandom(seed + 1_000) })
  await mesh.time.runUntil(fromMs + measuredMs + 31_000)
  const samples = clients.samples.filter(({ startedMs }) => startedMs >= fromMs)
  const tookMs = samples.map((sample) => sample.tookMs)
  const late = tookMs.filter((ms) => ms > WITHIN_MS).length
  const counters = mesh.nodes.map(({ service }) => service.counters)
  return {
    within: 1 - late / samples.length, late, queries: samples.length, errors: tookMs.filter((ms) => ms === Infinity).length,
    p50Ms: quantileOf(tookMs, 0.5), p99Ms: quantileOf(tookMs, 0.99), p999Ms: quantileOf(tookMs, 0.999),
    slowShare: samples.filter(({ peerId, startedMs }) => peerId === 'node1' && startedMs >= slowFromMs && startedMs < slowUntilMs).length / samples.length,
    forwarded: counters.reduce((sum, { forwarded }) => sum + forwarded, 0), failovers: counters.reduce((sum, { failovers }) => sum + failovers, 0), hedges: counters.reduce((sum, { hedges }) => sum + hedges, 0),
    ejected: mesh.nodes.reduce((sum, { experience }) => sum + (experience.counters['ejected'] ?? 0), 0),
  }
}

const plans = {
  'mesh: default (nearest, local first)': { shape: 'mesh', strategy: 'nearest' },
  'mesh: nearest, prefer-remote, hedged after 500 ms': { shape: 'mesh', strategy: 'nearest', isRemotePreferred: true, hedgeAfterMs: 500 },
  'mesh: peak-ewma, prefer-remote': { shape: 'mesh', strategy: 'peak-ewma', isRemotePreferred: true },
  'mesh: plain round robin (baseline)': { shape: 'mesh', strategy: 'plain round robin' },
  'mesh: plain least connections (baseline)': { shape: 'mesh', strategy: 'plain least connections' },
  'gateway: default (nearest)': { shape: 'gateway', strategy: 'nearest' },
  'gateway: nearest, hedged after 500 ms': { shape: 'gateway', strategy: 'nearest', hedgeAfterMs: 500 },
  'gateway: peak-ewma': { shape: 'gateway', strategy: 'peak-ewma' },
  'gateway: probe-pool': { shape: 'gateway', strategy: 'probe-pool' },
  'gateway: plain round robin (baseline)': { shape: 'gateway', strategy: 'plain round robin' },
  'gateway: plain least connections (baseline)': { shape: 'gateway', strategy: 'plain least connections' },
} as const satisfies Record<string, Routing>

const ASKED = 0.999

export const tail: RoutingBench = {
  summary: `${SERVERS} nodes, sleeping engines with a median of ${MEDIAN_MS} ms (lognormal, sigma ${SIGMA}), ${PER_SECOND} queries/s in an open loop for 60 s, one node fixed at ${SLOW_MS / 1000} s for 30 s.\nmesh: every node has a copy and clients; gateway: one node without a copy sends to the eleven. Baselines: plain-balancer.ts.`,
  columns: [
    { figure: 'within', title: 'within 1 s', show: percent(3) }, { figure: 'late', title: 'late', show: plain(0) }, { figure: 'errors', title: 'errors', show: plain(0) },
    { figure: 'p50Ms', title: 'p50', show: milliseconds }, { figure: 'p99Ms', title: 'p99', show: milliseconds }, { figure: 'p999Ms', title: 'p99.9', show: milliseconds },
    { figure: 'slowShare', title: 'on the slow node', show: percent(2) }, { figure: 'forwarded', title: 'forwarded', show: plain(0) }, { figure: 'failovers', title: 'failovers', show: plain(0) }, { figure: 'hedges', title: 'hedges', show: plain(0) }, { figure: 'ejected', title: 'ejections', show: plain(0) },
  ],
  // The short form has fewer seeds only: what it costs to notice that a node is slow is the same however long that lasts, and the share asked is of a minute.
  configurations: () => Object.entries(plans).map(([name, plan]): Configuration => ({ name, run: (seed) => runTail({ ...plan, measuredMs: 60_000 }, seed) })),
  verdicts: (figures) => Object.keys(plans).filter((name) => !name.includes('baseline')).map((name) =>
    ({ configuration: name, asked: `at least ${percent(1)(ASKED)} within 1 s`, measured: figures.get(name)?.['within'] ?? NaN, bound: { atLeast: ASKED }, show: percent(3), isAsked: name.includes('default') })),
}
