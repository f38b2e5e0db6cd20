/**
 * Delay for kernels without `netem`: the hosts' interfaces are VXLAN tunnels to this process, which holds each frame for a while and then
 * sends it on to the host whose address it bears. Run by network.ts: `node relay.ts <delayMs>`; says one line when it listens.
 */
import { createSocket } from 'node:dgram'
import { hostOfMac, underlayOf, vxlanPort } from './addresses.ts'
import { completeChecksum } from './frames.ts'

/** The VXLAN header; the frame begins with the six bytes of its destination (RFC 7348 §5). */
const headerBytes = 8
/** What waits at most, as the queue of a switch is bounded too; further frames are lost. */
const waitingMax = 100_000

interface Waiting {
  readonly dueMs: number
  readonly to: string
  readonly packet: Buffer
}

const delayMs = Number(process.argv[2])
const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
const waiting: Waiting[] = []
let first = 0
let isArmed = false

/** All wait equally long, so the first that came is the first that is due. */
function sendDue(): void {
  isArmed = false
  const nowMs = performance.now()
  for (;;) {
    const next = waiting[first]
    if (next === undefined || next.dueMs > nowMs) break
    first++
    socket.send(next.packet, vxlanPort, next.to)
  }
  if (first > 1024) {
    waiting.splice(0, first)
    first = 0
  }
  arm()
}

function arm(): void {
  const next = waiting[first]
  if (isArmed || next === undefined) return
  isArmed = true
  setTimeout(sendDue, Math.max(1, Math.ceil(next.dueMs - performance.now())))
}

socket.on('message', (packet) => {
  const host = hostOfMac(packet.subarray(headerBytes, headerBytes + 6))
  if (host === null || waiting.length - first >= waitingMax) return
  completeChecksum(packet.subarray(headerBytes))
  waiting.push({ dueMs: performance.now() + delayMs, to: underlayOf(host), packet })
  arm()
})
socket.bind(vxlanPort, () => { process.stdout.write('relaying\n') })
