/** Strangers make noise on a node's port; the mesh goes on as if nothing had been. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { loadKeyring } from '../../../src/adapters/files/keyring.ts'
import { encrypterProtocol } from '../../../src/adapters/libp2p/encrypters.ts'
import { headerBytes, senderTagOf, writeHeader } from '../../../src/adapters/udp/datagram-header.ts'
import type { FloodOptions, FloodReport } from '../../support/flood.ts'
import { type NodeProcess, TestMesh, until } from '../../support/processes.ts'

let mesh: TestMesh
afterEach(() => mesh.stop())

const floodPath = fileURLToPath(new URL('../../support/flood.ts', import.meta.url))

it('50,000 junk datagrams and 100 connections a second change nothing about the membership', async () => {
  mesh = await TestMesh.create()
  const nodes = await mesh.startAll(['victim', 'one', 'two'])
  const [victim, one] = nodes as [NodeProcess, NodeProcess]
  const { keys } = await loadKeyring(join(mesh.folder, 'key'))
  const epochs = new Map((await victim.members()).map(({ record }) => [record.peerId, record.datagramEpoch]))
  const header = Buffer.alloc(headerBytes)
  const [sender, receiver] = [one.runtime?.peerId ?? '', victim.runtime?.peerId ?? '']
  writeHeader(header, { senderTag: senderTagOf(sender), senderEpoch: epochs.get(sender) ?? 0, receiverEpoch: epochs.get(receiver) ?? 0, counter: 2 ** 40 })
  const [host = '', port] = (victim.runtime?.udp ?? '').split(':')
  const options: FloodOptions = {
    host, port: Number(port), datagramsPerSecond: 50_000, connectionsPerSecond: 100, seconds: 5,
    headers: [header.toString('hex')], encrypter: encrypterProtocol(keys[0] ?? new Uint8Array(0)),
  }
  const flooder = spawn(process.execPath, [floodPath, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let reports = ''
  flooder.stdout.setEncoding('utf8').on('data', (text: string) => { reports += text })
  const ended = new Promise((resolve) => flooder.once('exit', resolve))
  // Meanwhile a newcomer joins through the node that is flooded, and queries are answered there.
  const newcomer = await mesh.start('newcomer', { seeds: [victim.runtime?.tcpMultiaddrs[0] ?? ''] })
  await newcomer.ready()
  expect(await victim.rdb(['db:query', 'numbers', 'SELECT count(*) FROM primes'])).toMatchObject({ code: 0 })
  await ended
  const sent = JSON.parse(reports.trim().split('\n').at(-1) ?? '{}') as FloodReport
  const all = [...nodes, newcomer]
  await mesh.untilAllSee(all)
  for (const node of all) expect((await node.events()).filter(({ type }) => type === 'member-failed')).toEqual([])
  // The last of the half-open ones are given up by then.
  await until('all strangers to be gone', async () => (await victim.status()).counters['meshHandshakesFailed'] as number >= sent.connections * 0.9)
  const { counters } = await victim.status()
  for (const reason of ['Truncated', 'Oversized', 'Version', 'UnknownSender', 'Forged']) expect([reason, counters[`datagramsDropped${reason}`]]).not.toEqual([reason, 0])
  for (const reason of ['Junk', 'Key']) expect([reason, counters[`meshRefused${reason}`]]).not.toEqual([reason, 0])
  // However many knock, the log says so once a minute.
  expect((await victim.log()).split('\n').filter((text) => text.includes('inbound connections were refused'))).toHaveLength(1)
})
