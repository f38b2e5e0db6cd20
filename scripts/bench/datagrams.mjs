// What a datagram costs: sealing, opening, and each kind of junk. Prints a table of microseconds each; junk must stay below 10.
// Run: npm run build && node scripts/bench/datagrams.mjs [--json]
import { randomBytes } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { createLocalKeys } from '../../dist/adapters/udp/key-agreement.js'
import { Sealing } from '../../dist/adapters/udp/sealing.js'
import { decodePacket, encodePacket } from '../../dist/wire/membership-codec.js'
import { createRecordSigner, createRecordVerifier } from '../../dist/wire/membership-signatures.js'
import { readFlags } from '../flags.ts'

const { values: flags } = readFlags('npm run bench:datagrams [-- --json]\n\n  --json  figures as JSON too', { options: { json: { type: 'boolean', default: false } } })

const rounds = 20_000
const clusterKeys = [randomBytes(32)]

const identities = await Promise.all([generateKeyPair('Ed25519'), generateKeyPair('Ed25519')])
const [here, there] = identities.map((identity, index) => {
  const local = createLocalKeys({ peerId: identity.publicKey.toString(), epoch: Date.now() + index })
  return { local, sealing: new Sealing(local, { clusterKeys }) }
})
const describe = ({ peerId, publicKey, epoch }) => ({ peerId, publicKey, epoch, host: '127.0.0.1', port: 7400 })
here.sealing.setPeer(describe(there.local))
there.sealing.setPeer(describe(here.local))

const signer = createRecordSigner(identities[0])
const signed = signer.signRecord({
  peerId: here.local.peerId, name: 'local1', incarnation: Date.now(), tcpMultiaddrs: ['/ip4/127.0.0.1/tcp/7400'], udpHost: '127.0.0.1', udpPort: 7400,
  datagramPublicKey: here.local.publicKey, datagramEpoch: here.local.epoch, datacenter: 'fra1', rack: 'r1', capacity: 1,
  databases: [{ name: 'users_prod', role: 'replica', engine: 'duckdb' }], softwareVersion: '0.1.0', wireVersion: 1, nameSinceMs: 1,
})
const verifier = createRecordVerifier()
const load = { cpuPercent: 12.5, memoryPercent: 40, inFlight: 3, overloaded: false, drill: false, sequence: 4711 }
const ping = { probe: { kind: 'ping', sequence: 4711 }, updates: [], load, reports: [], coordinate: null }
const full = { ...ping, updates: [{ kind: 'record', signed }, { kind: 'suspect', peerId: there.local.peerId, incarnation: Date.now(), from: here.local.peerId, evidence: 'probe' }] }
const pingBytes = encodePacket(ping)
const fullBytes = encodePacket(full)
const payload = randomBytes(200)

const fresh = []
const altered = (change) => {
  const datagram = here.sealing.seal(there.local.peerId, payload)
  change(datagram)
  return datagram
}
const seen = altered(() => {})
there.sealing.open(seen)
const forged = altered((datagram) => { datagram[40] ^= 1 })
const stranger = altered((datagram) => { datagram[3] ^= 1 })
const otherEpoch = altered((datagram) => { datagram[14] ^= 1 })
const wrongVersion = altered((datagram) => { datagram[0] = 9 })

for (let i = 0; i < rounds * 1.2; i++) fresh.push(here.sealing.seal(there.local.peerId, payload))
let next = 0
const cases = [
  ['encode a ping with load', () => encodePacket(ping)],
  ['decode a ping with load', () => decodePacket(pingBytes, verifier)],
  ['encode a ping with load, a record, a suspicion', () => encodePacket(full)],
  ['decode it, record recognised', () => decodePacket(fullBytes, verifier)],
  ['seal 200 bytes', () => here.sealing.seal(there.local.peerId, payload)],
  ['junk: too short', () => there.sealing.open(payload.subarray(0, 20))],
  ['junk: other version', () => there.sealing.open(wrongVersion)],
  ['junk: unknown sender', () => there.sealing.open(stranger)],
  ['junk: other epoch', () => there.sealing.open(otherEpoch)],
  ['junk: replayed', () => there.sealing.open(seen)],
  ['junk: forged for a known sender', () => there.sealing.open(forged)],
  // Last: it moves the window, after which the forgery above would count as a replay.
  ['open 200 bytes', () => there.sealing.open(fresh[next++])],
]
const results = cases.map(([name, run]) => {
  for (let i = 0; i < rounds / 10; i++) run()
  const batches = []
  for (let batch = 0; batch < 10; batch++) {
    const start = performance.now()
    for (let i = 0; i < rounds / 10; i++) run()
    batches.push((performance.now() - start) * 1000 / (rounds / 10))
  }
  batches.sort((a, b) => a - b)
  return { name, medianUs: +batches[5].toFixed(2), bestUs: +batches[0].toFixed(2) }
})
if (flags.json) console.log(JSON.stringify({ bytes: { ping: pingBytes.length, full: fullBytes.length, record: signed.envelope.length }, results }))
else {
  console.table(results)
  console.log(`bytes: ping with load ${pingBytes.length}, with a record and a suspicion ${fullBytes.length}, signed record ${signed.envelope.length}`)
}
