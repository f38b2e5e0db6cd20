/**
 * Writes down one message of every kind as this version sends them, for later versions to be held to.
 *
 *     node --experimental-transform-types scripts/record-messages.ts > test/unit/wire/recordings/<version>.json
 *
 * Run at a release, and never again for it.
 */
import { plain, wireSamples } from '../test/support/wire-samples.ts'

const recordings = (await wireSamples()).map(({ name, encode, decode }) => {
  const bytes = encode()
  return { name, bytes: Buffer.from(bytes).toString('hex'), meaning: plain(decode(new Uint8Array(bytes))) }
})
process.stdout.write(`${JSON.stringify(recordings, null, 1)}\n`)
