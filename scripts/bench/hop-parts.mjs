// What both processes of bench:hop share.
import { createServer } from 'node:net'

export const silentLog = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog }

export async function freePort() {
  const server = createServer()
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const { port } = server.address()
  await new Promise((resolve) => { server.close(resolve) })
  return port
}

/** Its defaults, but a quiet logger and known addresses instead of discovery, so that two runs on one machine do not meet. */
export function moleculerOptions(nodeID, port, others) {
  return {
    nodeID,
    namespace: `bench-${Math.min(port, ...others.map(([, otherPort]) => otherPort))}`,
    logger: false,
    transporter: {
      type: 'TCP',
      options: { udpDiscovery: false, port, urls: [[nodeID, port], ...others].map(([id, at]) => `127.0.0.1:${at}/${id}`) },
    },
  }
}

/** Cuts length, id, payload out of what arrives. */
export function rawFrames(onFrame) {
  let kept = Buffer.alloc(0)
  return (chunk) => {
    let bytes = kept.length === 0 ? chunk : Buffer.concat([kept, chunk])
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) {
      const length = bytes.readUInt32BE(0)
      onFrame(bytes.readUInt32BE(4), bytes.subarray(8, 4 + length))
      bytes = bytes.subarray(4 + length)
    }
    kept = bytes
  }
}

/** A unary call that carries bytes as they are: without protobuf, so that only gRPC's own cost is measured. */
export const grpcAnswer = {
  path: '/bench.Bench/Answer', requestStream: false, responseStream: false,
  requestSerialize: (bytes) => bytes, requestDeserialize: (bytes) => bytes, responseSerialize: (bytes) => bytes, responseDeserialize: (bytes) => bytes,
}
