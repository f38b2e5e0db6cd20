/**
 * The hard cases of Rapid (Suresh et al., ATC'18 §7): 1 % of the nodes lose all that arrives, or all that they send, for 20 s in every 40 s, or 80 % of
 * it all the time. The faulty must be out at every healthy member, no healthy one ever, and nobody comes and goes.
 */
import { createMesh } from '../configurations.ts'
import type { Experiment, ExperimentInput, Finding } from '../experiment.ts'
import { rounded, type Figures } from '../statistics.ts'

const CASES = {
  flipIngress: 'all that arrives is lost, 20 s on, 20 s off', flipEgress: 'all that is sent is lost, 20 s on, 20 s off',
  lossIngress: '80 % of what arrives is lost', lossEgress: '80 % of what is sent is lost',
} as const
const FAULTY_SHARE = 0.01
const DURATION_MS = 300_000
const QUICK_DURATION_MS = 120_000
const FLIP_MS = 20_000
const LOSS_RATIO = 0.8

function runCase(input: ExperimentInput, name: keyof typeof CASES): Figures {
  const { nodes, seed, extent } = input
  const durationMs = extent === 'quick' ? QUICK_DURATION_MS : DURATION_MS
  const faulty = new Set<number>()
  const firstFailedMs = new Map<number, number>()
  let healthyFailed = 0
  let failures = 0
  let returns = 0
  const mesh = createMesh({
    nodes, seed, safety: false,
    onEvent: (node, { type, atMs, record: { peerId } }) => {
      if (faulty.size === 0 || faulty.has(node)) return
      const about = mesh.indexOf(peerId)
      if (type === 'member-failed' && !faulty.has(about)) healthyFailed++
      if (!faulty.has(about)) return
      if (type === 'member-failed') {
        failures++
        if (!firstFailedMs.has(about)) firstFailedMs.set(about, atMs)
      } else if (type === 'member-joined') returns++
    },
  })
  mesh.startJoined()
  mesh.runFor(10_000)
  const startMs = mesh.nowMs
  for (const index of mesh.choose(Math.max(1, Math.round(FAULTY_SHARE * nodes)))) faulty.add(index)
  const setLoss = (ratio: number): void => {
    for (const index of faulty) {
      if (name.endsWith('Ingress')) mesh.network.setIngressLoss(index, ratio)
      else mesh.network.setEgressLoss(index, ratio)
    }
  }
  if (name.startsWith('loss')) setLoss(LOSS_RATIO)
  else for (let atMs = 0; atMs < durationMs; atMs += 2 * FLIP_MS) {
    mesh.at(atMs, () => { setLoss(1) })
    mesh.at(atMs + FLIP_MS, () => { setLoss(0) })
  }
  for (let passedMs = 0; passedMs < durationMs; passedMs += 30_000) {
    mesh.runFor(30_000)
    input.progress(`${name}: ${Math.round((mesh.nowMs - startMs) / 1000)} of ${durationMs / 1000} s`)
  }
  const healthy = mesh.running().filter((index) => !faulty.has(index))
  const isOut = (of: number, about: number): boolean => ['failed', 'left', undefined].includes(mesh.stateOf(of, about))
  const outAtMs = [...faulty].map((index) => (firstFailedMs.get(index) ?? Infinity) - startMs)
  return {
    [`${name}HealthyFailed`]: healthyFailed,
    [`${name}FaultyInSomewhere`]: [...faulty].filter((about) => healthy.some((of) => !isOut(of, about))).length,
    [`${name}FailuresPerPair`]: rounded(failures / healthy.length / faulty.size),
    [`${name}ReturnsPerPair`]: rounded(returns / healthy.length / faulty.size),
    [`${name}LastOutSeconds`]: rounded(Math.max(...outAtMs) / 1000, 1),
  }
}

export const rapid: Experiment = {
  summary: '1 % of the nodes with one-way loss, on and off or 80 %: exactly they are removed (Rapid)',
  nodes: 1000,
  quickNodes: 100,
  run: (input) => Object.assign({}, ...(Object.keys(CASES) as Array<keyof typeof CASES>).map((name) => runCase(input, name))) as Figures,
  findings: (medians, nodes) => (Object.keys(CASES) as Array<keyof typeof CASES>).map((name): Finding => {
    const of = (what: string): number => medians[name + what] ?? NaN
    return {
      figure: `N = ${nodes}, 1 % of the nodes: ${CASES[name]}`, asked: 'exactly the faulty removed, no healthy member ever, no flapping',
      published: name.startsWith('flip') ? 'Rapid: exactly the faulty; memberlist and ZooKeeper flap' : 'Rapid: exactly the faulty; memberlist never settles', baseline: '',
      ours: `${of('HealthyFailed')} healthy failed, ${of('FaultyInSomewhere')} faulty not out everywhere, ${of('ReturnsPerPair')} returns per pair; the last is first out after ${of('LastOutSeconds')} s`,
      isMet: of('HealthyFailed') === 0 && of('FaultyInSomewhere') === 0 && of('ReturnsPerPair') === 0,
    }
  }),
}
