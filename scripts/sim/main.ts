/**
 * Membership experiments in virtual time: `node scripts/sim/main.ts <experiment> [--nodes N] [--seed S] [--no-gossipsub] [--json]`.
 * The same seed prints the same figures and the same transcript hash.
 */
import { SimulatedMesh } from '../../test/simulation/mesh.ts'
import { readFlags } from '../flags.ts'

type Figures = Record<string, number | string>

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}

/** When each survivor learned of the failures, from the crash on. */
function detection(mesh: SimulatedMesh, crashedAtMs: number, victims: readonly number[]): Figures {
  const about = (type: string) => mesh.events.filter(({ event }) => event.type === type && event.atMs >= crashedAtMs && victims.includes(mesh.indexOf(event.record.peerId))).map(({ event }) => event.atMs - crashedAtMs)
  const [suspected, failed] = [about('member-suspected'), about('member-failed')]
  return {
    firstSuspectedMs: Math.round(Math.min(...suspected)),
    firstFailedMs: Math.round(Math.min(...failed)),
    medianFailedMs: Math.round(medianOf(failed)),
    lastFailedMs: Math.round(failed.reduce((latest, atMs) => Math.max(latest, atMs), 0)),
    falseFailures: mesh.countEvents('member-failed', ({ event }) => !victims.includes(mesh.indexOf(event.record.peerId))),
  }
}

function crash(mesh: SimulatedMesh, count: number): Figures {
  const atMs = mesh.nowMs
  const victims = mesh.choose(count)
  for (const victim of victims) mesh.crash(victim)
  mesh.runUntil(() => mesh.isConverged(), { withinMs: 300_000, what: 'agreement' })
  return detection(mesh, atMs, victims)
}

const EXPERIMENTS: Readonly<Record<string, (mesh: SimulatedMesh) => Figures>> = {
  join: () => ({}),
  idle: (mesh) => {
    const before = { ...mesh.totals }
    mesh.runFor(60_000)
    const perNodeSecond = (total: number) => Math.round(100 * total / 60 / mesh.size) / 100
    return { packetsPerNodePerSecond: perNodeSecond(mesh.totals.packets - before.packets), bytesPerNodePerSecond: perNodeSecond(mesh.totals.bytes - before.bytes) }
  },
  crash: (mesh) => crash(mesh, 1),
  'crash-third': (mesh) => crash(mesh, Math.floor(mesh.size / 3)),
  loss: (mesh) => {
    mesh.network.conditions.lossRatio = 0.3
    mesh.runFor(60_000)
    const figures: Figures = { suspicions: mesh.countEvents('member-suspected'), falseFailures: mesh.countEvents('member-failed') }
    mesh.network.conditions.lossRatio = 0
    return { ...figures, recoveredMs: mesh.runUntil(() => mesh.isConverged(), { withinMs: 300_000, what: 'recovery' }) }
  },
  partition: (mesh) => {
    const minority = mesh.choose(Math.floor(mesh.size * 0.4))
    mesh.network.partition([minority, mesh.running().filter((index) => !minority.includes(index))])
    mesh.runFor(120_000)
    const declared = mesh.countEvents('member-failed')
    mesh.network.healPartition()
    return { failuresDeclared: declared, healedMs: mesh.runUntil(() => mesh.isConverged(), { withinMs: 600_000, everyMs: 500, what: 'the heal' }) }
  },
}

function main(): number {
  const usage = `npm run sim -- <${Object.keys(EXPERIMENTS).join('|')}> [--nodes 2–10000] [--seed integer] [--no-gossipsub] [--json]`
  const { values, positionals } = readFlags(usage, {
    allowPositionals: true,
    options: { nodes: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' }, 'no-gossipsub': { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
  })
  const [name = ''] = positionals
  const experiment = Object.hasOwn(EXPERIMENTS, name) ? EXPERIMENTS[name] : undefined
  const nodes = Number(values.nodes)
  const seed = Number(values.seed)
  if (experiment === undefined || !Number.isInteger(nodes) || nodes < 2 || nodes > 10_000 || !Number.isInteger(seed)) {
    process.stderr.write(`${usage}
`)
    return 2
  }
  const mesh = new SimulatedMesh({ nodes, seed, gossipsub: values['no-gossipsub'] ? null : { delayMs: 10, lossRatio: 0.02 }, safety: nodes <= 500 })
  mesh.startAll()
  mesh.runFor(1000)
  const joinedMs = Math.round(mesh.nowMs + mesh.runUntil(() => mesh.running().length === nodes && mesh.isConverged(), { withinMs: 300_000, what: 'the join' }))
  const figures: Figures = { experiment: name, nodes, seed, gossipsub: values['no-gossipsub'] ? 'off' : 'on', joinedMs, ...experiment(mesh), virtualMs: Math.round(mesh.nowMs), packets: mesh.totals.packets, transcript: mesh.transcript?.hash ?? 'none' }
  process.stdout.write(values.json ? `${JSON.stringify(figures)}\n` : Object.entries(figures).map(([key, value]) => `${key.padEnd(26)}${value}\n`).join(''))
  return 0
}

process.exitCode = main()
