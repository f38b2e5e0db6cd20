// Slow nodes among fast ones, as bench:tail and bench:fast-slow have them in virtual time, here with a process for each node: real sockets,
// real timers, and clients in an open loop.
import Table from 'cli-table3'
import { until } from '../node-mesh.mjs'
import { SleepingMesh } from './mesh.mjs'
import { median, nameOf, openLoop, quantile } from './open-loop.mjs'

const SIGMA = 0.4
const sql = 'SELECT 1'

/** Who sends where. The first of each kind is what is asked for; `plain round robin` is the client itself, which knows the servers and asks them in turn. */
const ways = {
  'gateway: default (nearest)': { gateway: {} },
  'gateway: round-robin, with the safeguards': { gateway: { strategy: 'round-robin' } },
  'mesh: default (nearest, local first)': { gateway: null, route: {} },
  'clients: plain round robin (baseline)': { gateway: null, route: { localOnly: true } },
}
const baseline = 'clients: plain round robin (baseline)'

const benches = {
  tail: {
    title: '11 node processes, sleeping engines with a median of 167 ms (lognormal, sigma 0.4); one of them takes 2 s for the middle half of the time',
    servers: 11, medianMs: () => 167, perSecond: 1_000, seconds: 60, shortPerSecond: 200, shortSeconds: 8,
    slowIn: { share: [0.25, 0.75], service: { fixedMs: 2_000 } },
    columns: ['within 1 s', 'p50', 'p99', 'p99.9', 'errors', 'on the slow node', 'busiest by mean'],
    cells: ({ within, p50Ms, p99Ms, p999Ms, errors, slowShare, busiest }) => [`${(100 * within).toFixed(3)} %`, ms(p50Ms), ms(p99Ms), ms(p999Ms), errors, `${(100 * slowShare).toFixed(2)} %`, busiest.toFixed(2)],
    checks: (figures) => ['gateway: default (nearest)', 'mesh: default (nearest, local first)'].map((way) => ({ asked: `${way}: at least 99.9 % within 1 s`, value: figures[way].within, met: figures[way].within >= 0.999 })),
  },
  'fast-slow': {
    title: '14 fast node processes and 2 that take 16 times as long, sleeping engines with a median of 50 ms (lognormal, sigma 0.4)',
    servers: 16, medianMs: (index) => (index < 2 ? 800 : 50), perSecond: 500, seconds: 30, shortPerSecond: 100, shortSeconds: 8,
    slowIn: null,
    columns: ['p50', 'p99', 'p99.9', 'errors', 'on slow nodes', 'busiest by mean'],
    cells: ({ p50Ms, p99Ms, p999Ms, errors, slowShare, busiest }) => [ms(p50Ms), ms(p99Ms), ms(p999Ms), errors, `${(100 * slowShare).toFixed(2)} %`, busiest.toFixed(2)],
    checks: (figures) => ['gateway: default (nearest)', 'mesh: default (nearest, local first)'].map((way) => {
      const value = figures[way].p99Ms / figures[baseline].p99Ms
      return { asked: `${way}: p99 at most a tenth of plain round robin's`, value, met: value <= 0.1 }
    }),
  },
}
export const benchNames = Object.keys(benches)

const ms = (value) => (Number.isFinite(value) ? `${value < 10 ? value.toFixed(1) : Math.round(value)} ms` : '–')
const isSlow = (bench, name) => (bench.slowIn === null ? ['server0', 'server1'] : ['server0']).includes(name)

/** Settles first: what a way did before must be over. */
async function measure(mesh, bench, way, { perSecond, seconds, warmUpSeconds, seed }) {
  const servers = mesh.nodes.filter(({ name }) => name.startsWith('server'))
  const usual = (index) => ({ medianMs: bench.medianMs(index), sigma: SIGMA })
  await Promise.all(servers.map((server, index) => server.engine(usual(index))))
  await until('the servers to be idle', async () => (await Promise.all(servers.map((server) => server.engine()))).every(({ running }) => running === 0), { pollMs: 50 })
  const gateway = way.gateway === null ? null : await mesh.start('gateway', { hasCopy: false, ...way.gateway })
  for (const node of gateway === null ? servers : [gateway]) await mesh.settled(node)
  const cpuBefore = process.cpuUsage()
  const ask = (index) => {
    const { client } = gateway ?? servers[index % servers.length]
    return nameOf(client.query(sql, { database: 'd', timeoutMs: 30_000, route: gateway === null ? way.route : {} }))
  }
  const turning = bench.slowIn === null ? [] : bench.slowIn.share.map((share, edge) => setTimeout(() => {
    void servers[0].engine(edge === 0 ? bench.slowIn.service : usual(0))
  }, 1000 * (warmUpSeconds + share * seconds)))
  const all = await openLoop({ perSecond, seconds: warmUpSeconds + seconds, seed, ask })
  for (const timer of turning) clearTimeout(timer)
  const samples = all.filter(({ atMs }) => atMs >= 1000 * warmUpSeconds)
  const tookMs = samples.map((sample) => sample.tookMs)
  const { user, system } = process.cpuUsage(cpuBefore)
  const counters = gateway === null ? {} : await gateway.counters()
  if (gateway !== null) await mesh.remove(gateway)
  const ofServer = servers.map(({ name }) => samples.filter(({ node }) => node === name).length)
  const codes = samples.flatMap(({ error }) => (error === undefined ? [] : [error]))
  return {
    queries: samples.length, within: tookMs.filter((took) => took <= 1_000).length / samples.length,
    p50Ms: quantile(tookMs, 0.5), p99Ms: quantile(tookMs, 0.99), p999Ms: quantile(tookMs, 0.999),
    errors: codes.length, codes: [...new Set(codes)], slowShare: samples.filter(({ node }) => isSlow(bench, node)).length / samples.length,
    /** The busiest server's share of the queries, in terms of the mean: slow ones get less, so the others may get a little more than 1. */
    busiest: Math.max(...ofServer) * servers.length / Math.max(1, ofServer.reduce((sum, count) => sum + count, 0)),
    /** How late the client itself was to send, and its CPU: where these are high the machine was too slow for the rate. */
    lateP99Ms: quantile(samples.map(({ lateMs }) => lateMs), 0.99), clientCpuPercent: (user + system) / 1e4 / (warmUpSeconds + seconds),
    failovers: counters.queriesFailovers ?? null, ejected: counters.experienceEjected ?? null,
  }
}

export async function runBalance(name, { short, rounds, rate, seconds, seed, only, say }) {
  const bench = benches[name]
  const plan = { perSecond: rate ?? (short ? bench.shortPerSecond : bench.perSecond), seconds: seconds ?? (short ? bench.shortSeconds : bench.seconds), warmUpSeconds: short ? 2 : 5 }
  const chosen = Object.entries(ways).filter(([way]) => only === undefined || way.includes(only))
  const runs = Object.fromEntries(chosen.map(([way]) => [way, []]))
  const mesh = await SleepingMesh.create(seed)
  try {
    for (let server = 0; server < bench.servers; server++) await mesh.start(`server${server}`)
    for (let round = 0; round < rounds; round++) {
      for (const [way, settings] of chosen) {
        const figures = await measure(mesh, bench, settings, { ...plan, seed: seed + round })
        runs[way].push(figures)
        say(`${name}, round ${round + 1}: ${way}: ${JSON.stringify(figures, (_key, value) => (typeof value === 'number' ? Number(value.toPrecision(5)) : value))}`)
      }
    }
  } finally {
    await mesh.stop()
  }
  const figures = Object.fromEntries(Object.entries(runs).map(([way, of]) => [way, Object.fromEntries(Object.keys(of[0]).map((key) => [key, typeof of[0][key] === 'number' ? median(of.map((run) => run[key])) : of[0][key]]))]))
  const table = new Table({ head: [`${plan.perSecond} queries/s for ${plan.seconds} s`, ...bench.columns, 'sent late (p99)'], style: { head: [], border: [] }, colAligns: ['left', ...bench.columns.map(() => 'right'), 'right'] })
  for (const [way, of] of Object.entries(figures)) table.push([way, ...bench.cells(of), ms(of.lateP99Ms)])
  const checks = only === undefined ? bench.checks(figures) : []
  return { text: `${bench.title}\n${table.toString()}\nmedians of ${rounds} rounds, one way after the other`, results: { ...plan, rounds, figures, runs }, checks }
}
