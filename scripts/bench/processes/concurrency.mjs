// Ten thousand queries at once through one node: nobody is lost, and neither the node that passes them on nor the one that runs them grows
// without bound. The engine holds all that it is given until everybody is in.
import Table from 'cli-table3'
import { until } from '../node-mesh.mjs'
import { SleepingMesh } from './mesh.mjs'
import { nameOf } from './open-loop.mjs'

/** Above where they were before, for each query: a node takes 16,384 at most (PROTOCOL, the gate), which bounds what they cost it. */
const QUERY_BYTES_MAX = 64_000

async function round(mesh, { entry, holder, queries }) {
  await holder.engine({ isHeld: true })
  const before = await holder.counters()
  const answering = Array.from({ length: queries }, () => nameOf(entry.client.query('SELECT 1', { database: 'd', timeoutMs: 120_000 })).then((name) => name, (error) => error.code ?? String(error)))
  await until('all of them to be in', async () => {
    const { queueRunning = 0, queueWaiting = 0 } = await holder.counters()
    return queueRunning + queueWaiting >= queries
  }, { timeoutMs: 60_000, pollMs: 100 })
  const full = await Promise.all([entry, holder].map((node) => node.engine()))
  const startedMs = performance.now()
  await holder.engine({ fixedMs: 1 })
  const names = await Promise.all(answering)
  const drainedMs = performance.now() - startedMs
  const failed = names.filter((name) => name !== holder.name)
  if (failed.length > 0) throw new Error(`${failed.length} of ${queries} were not answered: ${[...new Set(failed)].join(', ')}`)
  const after = await holder.counters()
  return { entryBytes: full[0].rssBytes, holderBytes: full[1].rssBytes, drainedMs, started: after.queueStarted - before.queueStarted }
}

export async function runConcurrency(_name, { short, rounds, seed, say }) {
  const queries = short ? 2_000 : 10_000
  const mesh = await SleepingMesh.create(seed)
  const shapes = []
  try {
    const holder = await mesh.start('holder')
    const gateway = await mesh.start('gateway', { hasCopy: false })
    await mesh.settled(gateway)
    for (const [shape, entry] of [['of its own', holder], ['passed on to another', gateway]]) {
      const idle = await Promise.all([entry, holder].map((node) => node.engine({ fixedMs: 0 })))
      const figures = []
      for (let index = 0; index < rounds; index++) {
        figures.push(await round(mesh, { entry, holder, queries }))
        say(`concurrency, ${shape}, round ${index + 1}: ${JSON.stringify(figures.at(-1))}`)
      }
      shapes.push({ shape, queries, entryGrowthBytes: Math.max(...figures.map(({ entryBytes }) => entryBytes)) - idle[0].rssBytes, holderGrowthBytes: Math.max(...figures.map(({ holderBytes }) => holderBytes)) - idle[1].rssBytes, rounds: figures })
    }
  } finally {
    await mesh.stop()
  }
  const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`
  const table = new Table({ head: [`${queries.toLocaleString('en')} queries at once`, 'the asked node grows by', 'the one that runs them', 'answered within'], style: { head: [], border: [] }, colAligns: ['left', 'right', 'right', 'right'] })
  for (const { shape, entryGrowthBytes, holderGrowthBytes, rounds: of } of shapes) table.push([shape, megabytes(entryGrowthBytes), megabytes(holderGrowthBytes), `${(Math.max(...of.map(({ drainedMs }) => drainedMs)) / 1000).toFixed(1)} s`])
  const checks = shapes.map(({ shape, entryGrowthBytes, holderGrowthBytes }) => {
    const value = Math.max(entryGrowthBytes, holderGrowthBytes)
    return { asked: `${shape}: neither process grows by more than ${QUERY_BYTES_MAX / 1000} kB a query`, value: value / queries, met: value <= QUERY_BYTES_MAX * queries }
  })
  return { text: `Held in the engine until all are in, then let go.\n${table.toString()}\nhighest of ${rounds} rounds`, results: { shapes }, checks }
}
