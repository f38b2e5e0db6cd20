/** Two members with any cluster key in common understand each other, whatever else their keyrings hold and in whichever order. */
import { describe, expect, it } from 'vitest'
import { keysMax } from '../../../../src/adapters/files/keyring.ts'
import { createLocalKeys, type LocalKeys } from '../../../../src/adapters/udp/key-agreement.ts'
import { type Opened, Sealing } from '../../../../src/adapters/udp/sealing.ts'
import { createRandom, type Random } from '../../../../src/core/time/random.ts'
import type { DatagramPeer } from '../../../../src/ports/datagrams.ts'

const hello = Buffer.from('hello')
/** The first `keysMax` may be held by both, the others by the second only. */
const keys = Array.from({ length: 2 * keysMax }, (_, index) => new Uint8Array(32).fill(index + 1))
const [newKey, oldKey, olderKey] = keys as [Uint8Array, Uint8Array, Uint8Array]

/** Agreeing on keys is the slow part, so starts are made once; what differs is the keyring. */
const starts = { one: createLocalKeys({ peerId: 'one', epoch: 1 }), two: createLocalKeys({ peerId: 'two', epoch: 2 }) }

interface End {
  readonly peer: DatagramPeer
  readonly sealing: Sealing
}

function createEnd(local: LocalKeys, clusterKeys: readonly Uint8Array[]): End {
  const { peerId, publicKey, epoch } = local
  return { peer: { peerId, publicKey, epoch, host: '127.0.0.1', port: 7400 }, sealing: new Sealing(local, { clusterKeys }) }
}

function createPair(ofOne: readonly Uint8Array[], ofTwo: readonly Uint8Array[]): [End, End] {
  const [one, two] = [createEnd(starts.one, ofOne), createEnd(starts.two, ofTwo)]
  introduce(one, two)
  return [one, two]
}

function introduce(one: End, two: End): void {
  one.sealing.setPeer(two.peer)
  two.sealing.setPeer(one.peer)
}

/** All datagrams of one payload. */
function seal(from: End, to: End): Buffer[] {
  const copies: Buffer[] = []
  const datagram = from.sealing.seal(to.peer.peerId, hello, copies)
  if (datagram === null) throw new Error('not sealed')
  return [datagram, ...copies]
}

function open(at: End, datagrams: readonly Buffer[]): Opened[] {
  return datagrams.map((datagram) => at.sealing.open(datagram)).filter(({ ok }) => ok)
}

/**
 * Each keyring of a second member that differs in its overlap with the first one's `size` keys: at each place one of these, or one
 * that the first lacks.
 */
function* overlapsWith(size: number): Generator<Uint8Array[]> {
  const extend = function* (ring: readonly number[]): Generator<number[]> {
    if (ring.length > 0) yield [...ring]
    if (ring.length === keysMax) return
    for (let index = 0; index < size; index++) if (!ring.includes(index)) yield* extend([...ring, index])
    yield* extend([...ring, keysMax + ring.length])
  }
  for (const ring of extend([])) yield ring.map((index) => keys[index] as Uint8Array)
}

interface Overlap {
  readonly ofOne: readonly Uint8Array[]
  readonly ofTwo: readonly Uint8Array[]
  readonly common: boolean
  readonly what: string
}

function describeOverlap(ofOne: readonly Uint8Array[], ofTwo: readonly Uint8Array[]): Overlap {
  const name = (ring: readonly Uint8Array[]): string => `[${ring.map((key) => key[0]).join(' ')}]`
  return { ofOne, ofTwo, common: ofOne.some((key) => ofTwo.includes(key)), what: `${name(ofOne)} and ${name(ofTwo)}` }
}

const overlaps = [1, 2, 3, 4].flatMap((size) => [...overlapsWith(size)].map((ofTwo) => describeOverlap(keys.slice(0, size), ofTwo)))
const withCommon = overlaps.filter(({ common }) => common)

describe('the overlaps tried', () => {
  it('are all there are', () => {
    // For n and m keys of which k are in common: C(n, k) choices of the first's, at m! / (m - k)! places of the second's.
    let count = 0
    for (let n = 1; n <= keysMax; n++) for (let m = 1; m <= keysMax; m++) for (let k = 0; k <= Math.min(n, m); k++) count += choose(n, k) * arrange(m, k)
    expect(overlaps).toHaveLength(count)
    expect(new Set(overlaps.map(({ what }) => what)).size).toBe(count)
  })
})

function choose(n: number, k: number): number {
  return arrange(n, k) / arrange(k, k)
}

function arrange(n: number, k: number): number {
  return k === 0 ? 1 : n * arrange(n - 1, k - 1)
}

describe('two keyrings with a key in common', () => {
  it('understand the first payload and the answer to it, each once', () => {
    for (const { ofOne, ofTwo, what } of withCommon) {
      const [one, two] = createPair(ofOne, ofTwo)
      const first = seal(one, two)
      expect(first, what).toHaveLength(ofOne.length)
      expect(open(two, first), what).toEqual([{ ok: true, from: 'one', payload: hello }])
      const answer = seal(two, one)
      expect(answer, what).toHaveLength(1)
      expect(open(one, answer), what).toEqual([{ ok: true, from: 'two', payload: hello }])
      expect(seal(one, two), what).toHaveLength(1)
    }
  })

  it('understand each other when both speak first, and go on with one datagram a payload', () => {
    for (const { ofOne, ofTwo, what } of withCommon) {
      const [one, two] = createPair(ofOne, ofTwo)
      const [fromOne, fromTwo] = [seal(one, two), seal(two, one)]
      expect([open(one, fromTwo).length, open(two, fromOne).length], what).toEqual([1, 1])
      for (let round = 0; round < 3; round++) {
        const [next, answer] = [seal(one, two), seal(two, one)]
        expect([next.length, answer.length], what).toEqual([1, 1])
        expect([open(one, answer).length, open(two, next).length], what).toEqual([1, 1])
      }
    }
  })

  it('understand whatever arrives of a payload in any common key, however much else is lost', () => {
    for (const [index, { ofOne, ofTwo, what }] of withCommon.entries()) {
      const random = createRandom(index + 1)
      const [one, two] = createPair(ofOne, ofTwo)
      let heard = { one: false, two: false }
      for (let round = 0; round < 100 && !(heard.one && heard.two); round++) {
        const [fromOne, fromTwo] = [lose(random, seal(one, two)), lose(random, seal(two, one))]
        heard = { one: open(one, fromTwo).length > 0 || heard.one, two: open(two, fromOne).length > 0 || heard.two }
      }
      expect(heard, what).toEqual({ one: true, two: true })
      // From here on nothing that arrives is lost on its receiver, however often the two change their minds about the key.
      for (let round = 0; round < 10; round++) {
        const [fromOne, fromTwo] = [lose(random, seal(one, two)), lose(random, seal(two, one))]
        expect([open(one, fromTwo).length, open(two, fromOne).length], what).toEqual([fromTwo.length, fromOne.length])
      }
    }
  })
})

/** Every second one, by chance. */
function lose(random: Random, datagrams: readonly Buffer[]): Buffer[] {
  return datagrams.filter(() => random() < 0.5)
}

describe('two keyrings without a key in common', () => {
  it('never understand each other, and send no more than one datagram a key', () => {
    for (const { ofOne, ofTwo, what } of overlaps.filter(({ common }) => !common)) {
      const [one, two] = createPair(ofOne, ofTwo)
      for (let round = 0; round < 3; round++) {
        const [fromOne, fromTwo] = [seal(one, two), seal(two, one)]
        expect([fromOne.length, fromTwo.length], what).toEqual([ofOne.length, ofTwo.length])
        expect([open(one, fromTwo), open(two, fromOne)], what).toEqual([[], []])
      }
    }
  })
})

describe('a peer that starts again', () => {
  it('is understood with other keys than before, because what was learned belongs to a start', () => {
    const [one, two] = createPair([oldKey, newKey], [oldKey, olderKey])
    expect([open(two, seal(one, two)).length, open(one, seal(two, one)).length]).toEqual([1, 1])
    expect(seal(one, two)).toHaveLength(1)
    const again = createEnd(createLocalKeys({ peerId: 'two', epoch: 3 }), [newKey])
    introduce(one, again)
    const first = seal(one, again)
    expect(first).toHaveLength(2)
    expect(open(again, first)).toHaveLength(1)
    expect(open(one, seal(again, one))).toHaveLength(1)
    expect(open(again, seal(one, again))).toHaveLength(1)
  })

  it('is still known by its key when it was only forgotten and learned again', () => {
    const [one, two] = createPair([newKey, oldKey], [oldKey])
    open(one, seal(two, one))
    one.sealing.removePeer('two')
    one.sealing.setPeer(two.peer)
    const datagrams = seal(one, two)
    expect(datagrams).toHaveLength(1)
    expect(open(two, datagrams)).toHaveLength(1)
  })
})

describe('a keyring that changes', () => {
  /** Two members that have spoken under the old key. */
  function createAcquainted(): [End, End] {
    const [one, two] = createPair([oldKey], [oldKey])
    expect([open(two, seal(one, two)).length, open(one, seal(two, one)).length]).toEqual([1, 1])
    return [one, two]
  }

  const steps: ReadonlyArray<readonly Uint8Array[]> = [[oldKey], [oldKey, newKey], [newKey, oldKey], [newKey]]

  it('loses no payload at any step of a rotation, whoever takes it first and whether or not the two speak meanwhile', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = createRandom(seed)
      const [one, two] = createAcquainted()
      const at = { one: 0, two: 0 }
      while (at.one + at.two < 6) {
        // A step begins when both have finished the one before, as the commands see to it.
        const who = at.one === at.two ? (random() < 0.5 ? 'one' : 'two') : at.one < at.two ? 'one' : 'two'
        at[who]++
        const end = who === 'one' ? one : two
        end.sealing.setClusterKeys(steps[at[who]] ?? [])
        for (let round = 0; round < 3; round++) {
          if (random() < 0.4) continue
          const [from, to] = random() < 0.5 ? [one, two] : [two, one]
          const datagrams = seal(from, to)
          expect(open(to, datagrams), `seed ${seed}`).toHaveLength(1)
          expect(datagrams.length, `seed ${seed}`).toBeLessThanOrEqual(2)
        }
      }
      // Settled: one datagram a payload, under the new key.
      for (const [from, to] of [[one, two], [two, one], [one, two]] as const) expect(open(to, seal(from, to)), `seed ${seed}`).toHaveLength(1)
      expect([seal(one, two).length, seal(two, one).length], `seed ${seed}`).toEqual([1, 1])
    }
  })

  it('proposes a key that is put in use until the peer answers under it', () => {
    const [one, two] = createAcquainted()
    one.sealing.setClusterKeys([newKey, oldKey])
    two.sealing.setClusterKeys([oldKey, newKey])
    const proposal = seal(one, two)
    expect(proposal).toHaveLength(2)
    expect(open(two, proposal.slice(0, 1))).toHaveLength(1)
    expect(open(one, seal(two, one))).toHaveLength(1)
    const settled = seal(one, two)
    expect(settled).toHaveLength(1)
    two.sealing.setClusterKeys([newKey])
    expect(open(two, settled)).toHaveLength(1)
  })

  it('stops proposing to a peer that goes on under the other key', () => {
    const [one, two] = createAcquainted()
    one.sealing.setClusterKeys([newKey, oldKey])
    let rounds = 0
    for (; seal(one, two).length === 2; rounds++) open(one, seal(two, one))
    expect(rounds).toBe(16)
    expect(open(two, seal(one, two))).toHaveLength(1)
  })

  it('neither opens nor seals under a removed key', () => {
    const [one, two] = createAcquainted()
    const [before] = seal(two, one) as [Buffer]
    one.sealing.setClusterKeys([newKey])
    expect(one.sealing.open(before)).toEqual({ ok: false, drop: 'forged' })
    expect(open(two, seal(one, two))).toEqual([])
  })

  it('reaches members that were set aside meanwhile', () => {
    const [one, two] = createAcquainted()
    one.sealing.removePeer('two')
    for (const end of [one, two]) end.sealing.setClusterKeys([newKey])
    one.sealing.setPeer(two.peer)
    expect(open(two, seal(one, two))).toHaveLength(1)
  })
})

describe('another cluster', () => {
  it('with the same key is not understood', () => {
    const ends = [createEnd(starts.one, [newKey]), { ...createEnd(starts.two, []), sealing: new Sealing(starts.two, { clusterKeys: [newKey], label: 'staging' }) }] as const
    introduce(...ends)
    expect(ends[1].sealing.open(seal(ends[0], ends[1])[0] as Buffer)).toEqual({ ok: false, drop: 'forged' })
  })
})

describe('copies of a payload', () => {
  it('count as replayed once one of them was opened, in whichever order they come', () => {
    const [one, two] = createPair([newKey, oldKey, olderKey], [olderKey, newKey])
    const [inNew, inOld, inOlder] = seal(one, two) as [Buffer, Buffer, Buffer]
    expect(two.sealing.open(inOld)).toEqual({ ok: false, drop: 'forged' })
    expect(two.sealing.open(inOlder)).toMatchObject({ ok: true })
    expect(two.sealing.open(inNew)).toEqual({ ok: false, drop: 'replayed' })
    expect(two.sealing.open(inOld)).toEqual({ ok: false, drop: 'replayed' })
  })

  it('teach nothing when they are forged', () => {
    const [one, two] = createPair([newKey, oldKey], [oldKey])
    const forged = (seal(two, one)[0] as Buffer).map((byte, index) => (index === 40 ? byte ^ 1 : byte))
    expect(one.sealing.open(Buffer.from(forged))).toEqual({ ok: false, drop: 'forged' })
    expect(seal(one, two)).toHaveLength(2)
  })
})
