/**
 * What a stranger's flood does to a mesh of three node processes on loopback: junk datagrams and connections to one of them, while
 * membership has to stay as it is. `--seconds 20`, `--datagrams 50000`, `--connections 100`; `--check` exits 1 when a bound is missed.
 */
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadKeyring } from '../../src/adapters/files/keyring.ts'
import { encrypterProtocol } from '../../src/adapters/libp2p/encrypters.ts'
import { headerBytes, senderTagOf, writeHeader } from '../../src/adapters/udp/datagram-header.ts'
import type { FloodOptions, FloodReport } from '../../test/support/flood.ts'
import { type NodeProcess, TestMesh } from '../../test/support/processes.ts'
import { readFlags } from '../flags.ts'

const usage = `npm run bench:flood [-- options]
  --seconds N      how long (20)
  --datagrams N    junk datagrams a second (50000)
  --connections N  connections a second (100)
  --check          exit 1 when a bound is missed`
const { values: flags } = readFlags(usage, {
  options: { seconds: { type: 'string', default: '20' }, datagrams: { type: 'string', default: '50000' }, connections: { type: 'string', default: '100' }, check: { type: 'boolean', default: false } },
})
const [seconds, datagramsPerSecond, connectionsPerSecond] = [Number(flags.seconds), Number(flags.datagrams), Number(flags.connections)]
const isCheck = flags.check
const clockTicksPerSecond = 100
/** Garbage of failed handshakes is collected late: RSS levels off about 150 MB above where it was, after 45 s. */
const growthBytesMax = 250e6

interface Usage {
  readonly cpuTicks: number
  readonly rssBytes: number
}

async function usageOf(node: NodeProcess): Promise<Usage> {
  const pid = node.runtime?.pid ?? 0
  const [stat, status] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), readFile(`/proc/${pid}/status`, 'utf8')])
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { cpuTicks: Number(fields[11]) + Number(fields[12]), rssBytes: Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024 }
}

function headerOf(from: NodeProcess, to: NodeProcess, epochs: ReadonlyMap<string, number>): string {
  const header = Buffer.alloc(headerBytes)
  const [sender, receiver] = [from.runtime?.peerId ?? '', to.runtime?.peerId ?? '']
  writeHeader(header, { senderTag: senderTagOf(sender), senderEpoch: epochs.get(sender) ?? 0, receiverEpoch: epochs.get(receiver) ?? 0, counter: 2 ** 40 })
  return header.toString('hex')
}

async function run(mesh: TestMesh): Promise<boolean> {
  const nodes = await mesh.startAll(['victim', 'one', 'two'])
  const [victim, one, two] = nodes as [NodeProcess, NodeProcess, NodeProcess]
  const epochs = new Map((await victim.members()).map(({ record }) => [record.peerId, record.datagramEpoch]))
  const { keys } = await loadKeyring(join(mesh.folder, 'key'))
  const [host = '', port = ''] = (victim.runtime?.udp ?? '').split(':')
  const options: FloodOptions = {
    host, port: Number(port), datagramsPerSecond, connectionsPerSecond, seconds,
    headers: [headerOf(one, victim, epochs), headerOf(two, victim, epochs)], encrypter: encrypterProtocol(keys[0] ?? new Uint8Array(32)),
  }
  const before = await usageOf(victim)
  const countersBefore = (await victim.status()).counters
  const flooder = spawn(process.execPath, [new URL('../../test/support/flood.ts', import.meta.url).pathname, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let reports = ''
  flooder.stdout.setEncoding('utf8').on('data', (text: string) => { reports += text })
  const rss: number[] = []
  let controlMsMax = 0
  const sampler = setInterval(() => { usageOf(victim).then(({ rssBytes }) => rss.push(rssBytes), () => undefined) }, 500)
  const asking = setInterval(() => {
    const askedMs = performance.now()
    victim.status().then(() => { controlMsMax = Math.max(controlMsMax, performance.now() - askedMs) }, () => undefined)
  }, 2_000)
  await new Promise((resolve) => flooder.once('exit', resolve))
  clearInterval(sampler)
  clearInterval(asking)
  const after = await usageOf(victim)
  const sent = JSON.parse(reports.trim().split('\n').at(-1) ?? '{}') as FloodReport
  const counters = (await victim.status()).counters
  const gained = (name: string): number => (counters[name] ?? 0) - (countersBefore[name] ?? 0)
  const events = (await Promise.all(nodes.map((node) => node.events()))).flat()
  const failed = events.filter(({ type }) => type === 'member-failed').length
  const suspected = events.filter(({ type }) => type === 'member-suspected').length
  const alive = (await Promise.all(nodes.map((node) => node.members()))).every((members) => members.filter(({ state }) => state === 'alive').length === 3)
  const third = Math.floor(rss.length / 3)
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
  const figures = {
    seconds, datagramsSent: sent.datagrams, datagramsSentPerSecond: Math.round(sent.datagrams / seconds), connections: sent.connections,
    received: gained('datagramsReceived'), shedUnread: sent.datagrams - gained('datagramsReceived'),
    dropped: Object.fromEntries(Object.keys(counters).filter((name) => name.startsWith('datagramsDropped')).map((name) => [name.slice('datagramsDropped'.length), gained(name)])),
    handshakesFailed: gained('meshHandshakesFailed'),
    cpuPercent: Math.round((after.cpuTicks - before.cpuTicks) / clockTicksPerSecond / seconds * 100),
    rssMbBefore: Math.round(before.rssBytes / 1e6), rssMbMiddle: Math.round(mean(rss.slice(third, 2 * third)) / 1e6), rssMbEnd: Math.round(mean(rss.slice(2 * third)) / 1e6), rssMbMax: Math.round(Math.max(...rss) / 1e6),
    slowestStatusMs: Math.round(controlMsMax), suspected, failed, allAlive: alive,
  }
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`)
  const isGrowing = Math.max(...rss) - before.rssBytes > growthBytesMax
  return failed === 0 && alive && !isGrowing
}

const mesh = await TestMesh.create()
try {
  const held = await run(mesh)
  if (isCheck && !held) process.exitCode = 1
} finally {
  await mesh.stop()
}
