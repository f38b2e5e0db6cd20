/** A partition that outlasts every suspicion, probation and damping, and a heal that nobody helps with. */
import { createMesh } from '../configurations.ts'
import type { Experiment } from '../experiment.ts'
import { rounded } from '../statistics.ts'

const MINORITY_SHARE = 0.4
const PARTITION_MS = 900_000
const QUICK_PARTITION_MS = 300_000
const WITHIN_MS = 600_000

export const heal: Experiment = {
  summary: 'a partition of 60/40 for longer than every timer, and how long the heal takes unaided',
  nodes: 200,
  quickNodes: 60,
  run: ({ nodes, seed, extent, progress }) => {
    let failures = 0
    let since = Infinity
    let suspected = 0
    const mesh = createMesh({
      nodes, seed, safety: false,
      onEvent: (_node, { type, atMs }) => { if (type === 'member-failed' && atMs > since) failures++ },
    })
    mesh.startJoined()
    mesh.runFor(20_000)
    const minority = mesh.choose(Math.floor(MINORITY_SHARE * nodes))
    const majority = mesh.running().filter((index) => !minority.includes(index))
    mesh.network.partition([minority, majority])
    const cutMs = mesh.nowMs
    const isDeclared = (): boolean => minority.every((a) => majority.every((b) => mesh.stateOf(a, b) === 'failed' && mesh.stateOf(b, a) === 'failed'))
    const declaredMs = mesh.runUntil(isDeclared, { withinMs: WITHIN_MS, everyMs: 500, what: 'both sides hold each other for failed' })
    progress(`both sides hold each other for failed after ${declaredMs / 1000} s`)
    suspected = mesh.running().filter((index) => mesh.partitionMonitor(index)?.open?.isTold === true).length
    mesh.runFor((extent === 'quick' ? QUICK_PARTITION_MS : PARTITION_MS) - (mesh.nowMs - cutMs))
    mesh.network.healPartition()
    since = mesh.nowMs
    const healedMs = mesh.runUntil(() => mesh.isConverged(), { withinMs: WITHIN_MS, everyMs: 500, what: 'the heal' })
    progress(`healed after ${healedMs / 1000} s`)
    mesh.runFor(60_000)
    return {
      declaredSeconds: declaredMs / 1000, partitionSuspectedShare: rounded(suspected / nodes), healSeconds: healedMs / 1000, failuresAfterHeal: failures,
      stillPartitioned: mesh.running().filter((index) => mesh.partitionMonitor(index)?.open !== null).length, agreesAfterwards: mesh.isConverged() ? 1 : 0,
    }
  },
  findings: (medians, nodes) => [{
    figure: `Partition 60/40 of ${nodes} nodes for longer than every timer: heal with no operator`, asked: 'all agree again, nobody flaps', published: '', baseline: '',
    ours: `after ${medians['healSeconds']} s; ${medians['failuresAfterHeal']} failures declared after it; suspected as a partition by ${rounded(100 * (medians['partitionSuspectedShare'] ?? 0), 0)} % of the nodes, each side lost the other within ${medians['declaredSeconds']} s`,
    isMet: Number.isFinite(medians['healSeconds']) && medians['failuresAfterHeal'] === 0 && medians['agreesAfterwards'] === 1 && medians['stillPartitioned'] === 0,
  }],
}
