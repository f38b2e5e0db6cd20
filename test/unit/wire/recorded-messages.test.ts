/** Messages that released versions sent, kept as they were: this version understands them, and sends those versions what they understand. */
import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { plain, wireSamples } from '../../support/wire-samples.ts'

interface Recording {
  readonly name: string
  readonly bytes: string
  readonly meaning: unknown
}

const folder = new URL('recordings/', import.meta.url)
const versions = (await readdir(folder)).map((name) => name.replace(/\.json$/, ''))
const samples = await wireSamples()

describe.each(versions)('messages of version %s', async (version) => {
  const recordings = JSON.parse(await readFile(new URL(`${version}.json`, folder), 'utf8')) as readonly Recording[]

  it.each(recordings)('$name means the same today', ({ name, bytes, meaning }) => {
    const sample = samples.find((candidate) => candidate.name === name)
    expect(plain(sample?.decode(new Uint8Array(Buffer.from(bytes, 'hex'))))).toMatchObject(meaning as object)
  })

  // A field that a version does not know it skips; what it knows has to be where it was.
  it.each(recordings)('$name is sent as it was', ({ name, bytes }) => {
    expect(Buffer.from(samples.find((candidate) => candidate.name === name)!.encode()).toString('hex')).toBe(bytes)
  })

  it('are there for every kind that the version knew', () => {
    expect(recordings.length).toBeGreaterThan(10)
  })
})

describe('a version to come', () => {
  it('may add fields to a request, which are skipped', () => {
    const sample = samples.find(({ name }) => name === 'query request')!
    const bytes = sample.encode()
    // The frame's one part, a request, made longer by a field of number 100 with four bytes.
    const added = [0xa2, 0x06, 0x04, 1, 2, 3, 4]
    const [tag = 0, ...rest] = bytes
    const lengthBytes = rest.findIndex((byte) => byte < 0x80) + 1
    const length = rest.slice(0, lengthBytes).reduce((sum, byte, index) => sum + (byte & 0x7f) * 2 ** (7 * index), 0) + added.length
    const longer = Uint8Array.from([tag, (length & 0x7f) | 0x80, length >> 7, ...rest.slice(lengthBytes), ...added])
    expect(plain(sample.decode(longer))).toEqual(plain(sample.decode(bytes)))
  })
})
