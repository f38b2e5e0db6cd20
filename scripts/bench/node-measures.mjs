// The measures of bench:node. Each returns plain figures; what was asked and how they are shown is node.mjs's business.
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect } from '../../dist/index.js'
import { until } from './node-mesh.mjs'
import { cpuSeconds, rssBytes, watchMemory } from './node-process-figures.ts'

const rdbPath = fileURLToPath(new URL('../../bin/rdb.js', import.meta.url))

/** Median, least and greatest of several runs. */
export function summary(values) {
  const sorted = values.toSorted((a, b) => a - b)
  return { median: sorted[Math.floor(sorted.length / 2)], min: sorted[0], max: sorted.at(-1), runs: sorted.length }
}

/** CPU in per cent of one core and RSS of each node, over the same seconds. */
export async function idle(nodes, seconds) {
  const before = nodes.map(({ pid }) => cpuSeconds(pid))
  const startedMs = performance.now()
  await sleep(seconds * 1000)
  const tookSeconds = (performance.now() - startedMs) / 1000
  return nodes.map(({ name, pid }, index) => ({ name, cpuPercent: (cpuSeconds(pid) - before[index]) / tookSeconds * 100, rssBytes: rssBytes(pid) }))
}

/** Milliseconds from spawn to exit, and what was printed. */
function timeProcess(args) {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now()
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text) => { stdout += text })
    child.once('error', reject)
    child.once('close', (code) => resolve({ tookMs: performance.now() - startedMs, code, stdout }))
  })
}

/** The commands take turns, so that what else the machine does falls on all of them alike. */
export async function commandStart(node, runs) {
  const commands = {
    bareNode: { args: ['-e', '0'], stdout: '' },
    help: { args: [rdbPath, '--help'], stdout: null },
    query: { args: [rdbPath, 'db:query', 'flights', 'SELECT 1 AS one', '--format', 'csv', '--data-dir', node.dataDir], stdout: 'one\n1\n' },
  }
  const took = Object.fromEntries(Object.keys(commands).map((name) => [name, []]))
  for (let run = -2; run < runs; run++) {
    for (const [name, { args, stdout }] of Object.entries(commands)) {
      const result = await timeProcess(args)
      if (result.code !== 0 || (stdout !== null && result.stdout !== stdout)) throw new Error(`${args.join(' ')} ended with ${result.code} and printed ${result.stdout}`)
      // The first two fill the compile cache and the page cache.
      if (run >= 0) took[name].push(result.tookMs)
    }
  }
  return Object.fromEntries(Object.entries(took).map(([name, values]) => [name, summary(values)]))
}

/** A result read to its end and counted, not kept. */
async function count(client, sql) {
  const startedMs = performance.now()
  const result = await client.query(sql, { database: 'flights', timeoutMs: 120_000 })
  let rows = 0
  for await (const batch of result) rows += batch.rowCount
  return { rows, tookMs: performance.now() - startedMs, route: result.route }
}

/** Every row of flights, `runs` times; CPU and memory of the given nodes over all of them, after a smaller result as warm-up. */
export async function largeResult({ entry, watched, runs, expected }) {
  const client = await connect({ dataDir: entry.dataDir })
  try {
    const warm = await count(client, 'SELECT * FROM flights LIMIT 100000')
    if (warm.route?.decision !== expected.decision || warm.route.executedBy.name !== expected.executedBy) throw new Error(`the query was not routed as the drills say: ${JSON.stringify(warm.route)}`)
    const watches = watched.map(({ pid }) => watchMemory(pid))
    const cpuBefore = watched.map(({ pid }) => cpuSeconds(pid))
    const clientBefore = process.cpuUsage()
    const rates = []
    try {
      for (let run = 0; run < runs; run++) {
        const { rows, tookMs } = await count(client, 'SELECT * FROM flights')
        if (rows !== 3_000_000) throw new Error(`${rows} rows came instead of 3,000,000`)
        rates.push(rows / (tookMs / 1000))
      }
      const { user, system } = process.cpuUsage(clientBefore)
      return {
        rowsPerSecond: summary(rates),
        // Of one run, in seconds of one core: where the time goes.
        cpuSeconds: { client: (user + system) / 1e6 / runs, ...Object.fromEntries(watched.map(({ name, pid }, index) => [name, (cpuSeconds(pid) - cpuBefore[index]) / runs])) },
        memory: watches.map((watch, index) => ({ name: watched[index].name, beforeBytes: watch.beforeBytes, growthBytes: watch.peakBytes() - watch.beforeBytes })),
      }
    } finally {
      for (const watch of watches) watch.stop()
    }
  } finally {
    await client.close()
  }
}

/**
 * A newcomer joins through `entry`, and is killed once both know each other: milliseconds until it answered, until both saw each other alive, and from the
 * kill until each survivor's `member-failed`.
 */
export async function joinAndCrash(mesh, { entry, survivors, runs }) {
  const [answered, joined, detected] = [[], [], []]
  for (let run = 1; run <= runs; run++) {
    const prepared = await mesh.prepare(`newcomer${run}`)
    const startedMs = performance.now()
    const newcomer = await mesh.spawn(prepared, [entry.seed])
    await mesh.ready(newcomer)
    answered.push(performance.now() - startedMs)
    await until('both to see each other', async () => (await newcomer.seesAlive(entry)) && (await entry.seesAlive(newcomer)))
    joined.push(performance.now() - startedMs)
    for (const survivor of survivors) await until(`${survivor.name} to see the newcomer`, () => survivor.seesAlive(newcomer))
    const failures = survivors.map((survivor) => {
      const { promise, resolve } = Promise.withResolvers()
      const stop = survivor.watch((event, atMs) => { if (event.type === 'member-failed' && event.record.name === newcomer.name) resolve(atMs) })
      return promise.finally(stop)
    })
    // The subscriptions are calls of their own; a question asked after them is answered after them.
    for (const survivor of survivors) await survivor.status()
    const killedMs = performance.now()
    await newcomer.kill('SIGKILL')
    for (const atMs of await Promise.all(failures)) detected.push(atMs - killedMs)
  }
  return { answeredMs: summary(answered), joinedMs: summary(joined), detectedMs: summary(detected) }
}
