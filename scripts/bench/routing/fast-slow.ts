/** Fourteen fast servers and two that take sixteen times as long for everything, always: 500 queries a second from one node without a copy, or at all nodes. */
import { createRandom } from '../../../src/core/time/random.ts'
import { quantileOf } from '../../sim/statistics.ts'
import { type Configuration, type Figures, isPlain, milliseconds, percent, plain, type Routing, type RoutingBench } from './bench.ts'
import { Clients } from './clients.ts'
import { lognormal, SleepingEngine } from './engines.ts'
import { SimulatedMesh } from './simulated-mesh.ts'

const FAST = 14
const SLOW = 2
const FACTOR = 16
const MEDIAN_MS = 50
const SIGMA = 0.4
const PER_SECOND = 500
const SETTLED_MS = 40_000
const WARM_UP_MS = 15_000

export interface FastSlowPlan extends Routing {
  readonly measuredMs: number
}

export async function runFastSlow({ strategy, shape, isRemotePreferred = false, hedgeAfterMs = 0, measuredMs }: FastSlowPlan, seed: number): Promise<Figures> {
  const fromMs = SETTLED_MS + WARM_UP_MS
  const servers = Array.from({ length: FAST + SLOW }, (_, index) => ({
    createEngine: (time: SimulatedMesh['time'], random: SimulatedMesh['random']) => new SleepingEngine(time, () => lognormal(random, MEDIAN_MS, SIGMA) * (index < SLOW ? FACTOR : 1)),
  }))
  const mesh = new SimulatedMesh({ seed, nodes: shape === 'mesh' ? servers : [...servers, { createEngine: null }], ...(isPlain(strategy) ? {} : { strategy }), hedgeAfterMs })
  const clients = new Clients(mesh, { hints: isRemotePreferred ? 'prefer-remote' : '', plain: isPlain(strategy) ? strategy : null })
  clients.open({ entries: shape === 'mesh' ? mesh.nodes : mesh.nodes.slice(FAST + SLOW), perSecond: PER_SECOND, fromMs: SETTLED_MS, untilMs: fromMs + measuredMs, random: createRandom(seed + 1_000) })
  await mesh.time.runUntil(fromMs + measuredMs + 31_000)
  const samples = clients.samples.filter(({ startedMs }) => startedMs >= fromMs)
  const tookMs = samples.map((sample) => sample.tookMs)
  const slowIds = new Set(mesh.nodes.slice(0, SLOW).map(({ peerId }) => peerId))
  return {
    p50Ms: quantileOf(tookMs, 0.5), p99Ms: quantileOf(tookMs, 0.99), p999Ms: quantileOf(tookMs, 0.999), queries: samples.length, errors: tookMs.filter((ms) => ms === Infinity).length,
    slowShare: samples.filter(({ peerId }) => peerId !== null && slowIds.has(peerId)).length / samples.length,
    ejected: mesh.nodes.reduce((sum, { experience }) => sum + (experience.counters['ejected'] ?? 0), 0),
  }
}

const plans = {
  'mesh: default (nearest, local first)': { shape: 'mesh', strategy: 'nearest' },
  'mesh: peak-ewma, prefer-remote': { shape: 'mesh', strategy: 'peak-ewma', isRemotePreferred: true },
  'mesh: plain round robin (baseline)': { shape: 'mesh', strategy: 'plain round robin' },
  'mesh: plain least connections (baseline)': { shape: 'mesh', strategy: 'plain least connections' },
  'gateway: default (nearest)': { shape: 'gateway', strategy: 'nearest' },
  'gateway: peak-ewma': { shape: 'gateway', strategy: 'peak-ewma' },
  'gateway: probe-pool': { shape: 'gateway', strategy: 'probe-pool' },
  'gateway: adaptive': { shape: 'gateway', strategy: 'adaptive' },
  'gateway: plain round robin (baseline)': { shape: 'gateway', strategy: 'plain round robin' },
  'gateway: plain least connections (baseline)': { shape: 'gateway', strategy: 'plain least connections' },
} as const satisfies Record<string, Routing>

const ASKED = 0.1

export const fastSlow: RoutingBench = {
  summary: `${FAST} fast nodes and ${SLOW} that take ${FACTOR} times as long, sleeping engines with a median of ${MEDIAN_MS} ms (lognormal, sigma ${SIGMA}), ${PER_SECOND} queries/s in an open loop for 30 s.\nmesh: every node has a copy and clients; gateway: one node without a copy sends to the sixteen. Baselines: plain-balancer.ts.`,
  columns: [
    { figure: 'p50Ms', title: 'p50', show: milliseconds }, { figure: 'p99Ms', title: 'p99', show: milliseconds }, { figure: 'p999Ms', title: 'p99.9', show: milliseconds },
    { figure: 'slowShare', title: 'on slow nodes', show: percent(2) }, { figure: 'errors', title: 'errors', show: plain(0) }, { figure: 'ejected', title: 'ejections', show: plain(0) },
  ],
  configurations: (isShort) => Object.entries(plans).map(([name, plan]): Configuration => ({ name, run: (seed) => runFastSlow({ ...plan, measuredMs: isShort ? 15_000 : 30_000 }, seed) })),
  verdicts: (figures) => Object.entries(plans).filter(([name]) => !name.includes('baseline')).map(([name, { shape }]) => ({
    configuration: name, asked: `p99 at most ${percent(0)(ASKED)} of round robin's`, bound: { atMost: ASKED }, show: percent(1), isAsked: name.includes('default'),
    measured: (figures.get(name)?.['p99Ms'] ?? NaN) / (figures.get(`${shape}: plain round robin (baseline)`)?.['p99Ms'] ?? NaN),
  })),
}
