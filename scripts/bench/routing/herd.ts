/**
 * Do senders that share their news of the load all run to the same peer? Eight senders that are all overloaded (a drill pins their CPU at 95 %, so that
 * every read leaves) choose among eight alike peers. The busiest peer's share is taken over windows, since a herd that moves on is not seen in a sum.
 *
 * What a random choice gives is in the table: no strategy can be held to less than chance.
 */
import type { StrategyName } from '../../../src/core/routing/strategies/registry.ts'
import { STRATEGY_NAMES } from '../../../src/core/routing/strategies/registry.ts'
import { createRandom } from '../../../src/core/time/random.ts'
import { quantileOf } from '../../sim/statistics.ts'
import { type Configuration, type Figures, milliseconds, plain, type RoutingBench } from './bench.ts'
import { Clients } from './clients.ts'
import { lognormal, SleepingEngine } from './engines.ts'
import { SimulatedMesh } from './simulated-mesh.ts'

const SENDERS = 8
const TARGETS = 8
const MEDIAN_MS = 20
const SIGMA = 0.4
const PER_SECOND = 1_000
const SETTLED_MS = 40_000
const WARM_UP_MS = 2_000
const WINDOW_MS = 5_000
const INTERVALS_MS = [500, 5_000, 30_000]

export interface HerdPlan {
  readonly strategy: StrategyName
  readonly loadIntervalMs: number
  readonly digests: boolean
  readonly measuredMs: number
}

export async function runHerd({ strategy, loadIntervalMs, digests, measuredMs }: HerdPlan, seed: number): Promise<Figures> {
  const fromMs = SETTLED_MS + WARM_UP_MS
  const node = { createEngine: (time: SimulatedMesh['time'], random: SimulatedMesh['random']) => new SleepingEngine(time, () => lognormal(random, MEDIAN_MS, SIGMA)) }
  const mesh = new SimulatedMesh({ seed, nodes: Array.from({ length: SENDERS + TARGETS }, () => node), strategy, loadIntervalMs, digests })
  const senders = mesh.nodes.slice(0, SENDERS)
  mesh.time.setTimer(SETTLED_MS - 5_000, () => { for (const sender of senders) sender.drill(95, 10_000_000) })
  const clients = new Clients(mesh)
  const untilMs = fromMs + measuredMs
  clients.open({ entries: senders, perSecond: PER_SECOND, fromMs: SETTLED_MS, untilMs, random: createRandom(seed + 1_000) })
  await mesh.time.runUntil(untilMs + 5_000)
  const targets = mesh.nodes.slice(SENDERS).map(({ peerId }) => peerId)
  const samples = clients.samples.filter(({ startedMs }) => startedMs >= fromMs)
  const shares: number[] = []
  for (let startMs = fromMs; startMs + WINDOW_MS <= untilMs; startMs += WINDOW_MS) {
    shares.push(busiestOver(samples.filter(({ startedMs }) => startedMs >= startMs && startedMs < startMs + WINDOW_MS), targets))
  }
  const tookMs = samples.map((sample) => sample.tookMs)
  const dice = createRandom(seed + 2_000)
  return {
    worst: Math.max(...shares), median: quantileOf(shares, 0.5), overall: busiestOver(samples, targets),
    chance: busiestOver(Array.from({ length: PER_SECOND * WINDOW_MS / 1000 }, () => ({ peerId: targets[Math.floor(dice() * TARGETS)] as string })), targets),
    onSenders: samples.filter(({ peerId }) => peerId === null || !targets.includes(peerId)).length / samples.length,
    p99Ms: quantileOf(tookMs, 0.99), errors: tookMs.filter((ms) => ms === Infinity).length, queries: samples.length,
  }
}

/** The busiest's share, in multiples of the mean. */
function busiestOver(samples: ReadonlyArray<{ readonly peerId: string | null }>, targets: readonly string[]): number {
  const counts = new Map(targets.map((peerId) => [peerId, 0]))
  let total = 0
  for (const { peerId } of samples) {
    const count = peerId === null ? undefined : counts.get(peerId)
    if (peerId === null || count === undefined) continue
    counts.set(peerId, count + 1)
    total++
  }
  return Math.max(...counts.values()) * targets.length / total
}

function plansOf(isShort: boolean): Readonly<Record<string, Omit<HerdPlan, 'measuredMs'>>> {
  const intervals = isShort ? [500, 30_000] : INTERVALS_MS
  return Object.fromEntries(STRATEGY_NAMES.flatMap((strategy) => [
    ...intervals.map((loadIntervalMs) => [`${strategy}, every ${loadIntervalMs / 1000} s`, { strategy, loadIntervalMs, digests: true }] as const),
    [`${strategy}, every 30 s, gossip alone`, { strategy, loadIntervalMs: 30_000, digests: false }] as const,
  ]))
}

const ASKED = 1.3

export const herd: RoutingBench = {
  summary: `${SENDERS} overloaded senders, ${TARGETS} alike peers, sleeping engines with a median of ${MEDIAN_MS} ms (lognormal, sigma ${SIGMA}), ${PER_SECOND} queries/s in an open loop for 20 s, snapshots of the load every 0.5 to 30 s.\n"gossip alone": load travels neither on answers nor on datagrams, as it does in a node. Shares of the busiest peer in multiples of the mean, over windows of ${WINDOW_MS / 1000} s.`,
  columns: [
    { figure: 'worst', title: 'worst window', show: plain(3) }, { figure: 'median', title: 'median window', show: plain(3) }, { figure: 'overall', title: 'whole run', show: plain(3) }, { figure: 'chance', title: 'chance, one window', show: plain(3) },
    { figure: 'p99Ms', title: 'p99', show: milliseconds }, { figure: 'errors', title: 'errors', show: plain(0) },
  ],
  configurations: (isShort) => Object.entries(plansOf(isShort)).map(([name, plan]): Configuration => ({ name, run: (seed) => runHerd({ ...plan, measuredMs: isShort ? 10_000 : 20_000 }, seed) })),
  verdicts: (figures) => [...figures].map(([configuration, { worst = NaN }]) =>
    ({ configuration, asked: `at most ${ASKED} × the mean in any window`, measured: worst, bound: { atMost: ASKED }, show: plain(3), isAsked: !configuration.includes('alone') })),
}
