import type { ByteStream } from '../../../src/ports/peer-streams.ts'
import { byteStreamContract } from '../../contract/byte-stream.ts'
import { createRig } from './rig.ts'

byteStreamContract('libp2p over TCP, Noise and yamux', async () => {
  const rig = createRig()
  const [left, right] = await Promise.all([rig.mesh(), rig.mesh()])
  const accepted = Promise.withResolvers<ByteStream>()
  await right.handle('/test/stream/1', (stream) => { accepted.resolve(stream) }, { inboundStreamsMax: 4 })
  await left.dial(right.multiaddrs()[0] ?? '')
  const a = await left.open(right.peerId, '/test/stream/1')
  return { a, b: await accepted.promise, stop: () => rig.stop() }
})
