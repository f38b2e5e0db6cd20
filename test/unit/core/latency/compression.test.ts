import { describe, expect, it } from 'vitest'
import { BatchCompression, LinkRate, LinkRates, LINKS_MAX, mayPay, NEAR_RTT_MS, SLOW_BYTES_PER_SECOND } from '../../../../src/core/latency/compression.ts'

const slow = 2_500_000

describe('the rate of a link', () => {
  it('is not known before there is evidence, nor after five minutes', () => {
    const link = new LinkRate()
    expect(link.bytesPerSecond(0)).toBeNull()
    link.handleTransfer(0, 200_000, 100)
    expect(link.bytesPerSecond(0)).toBeNull()
    link.handleTransfer(10, 200_000, 100)
    expect(link.bytesPerSecond(300_010)).toBe(2_000_000)
    expect(link.bytesPerSecond(300_011)).toBeNull()
    link.handleTransfer(300_011, 300_000, 1_000)
    expect(link.bytesPerSecond(300_011)).toBe(300_000)
  })

  it('is endless where nothing was waited for, and follows the link', () => {
    const link = new LinkRate()
    link.handleTransfer(0, 1 << 20, 0)
    expect(link.bytesPerSecond(0)).toBe(Infinity)
    for (let megabyte = 0; megabyte < 64; megabyte++) link.handleTransfer(0, 1 << 20, 1_000)
    expect(link.bytesPerSecond(0)).toBeCloseTo(1 << 20, -2)
  })

  it('takes no nonsense', () => {
    const link = new LinkRate()
    for (const [bytes, waitedMs] of [[Number.NaN, 1], [1, Number.NaN], [-1, 1], [1, -1]] as const) link.handleTransfer(0, bytes, waitedMs)
    link.handleTransfer(0, 1_000_000, 1_000)
    expect(link.bytesPerSecond(0)).toBe(1_000_000)
  })

  it('is remembered of so many links, the latest ones', () => {
    const links = new LinkRates()
    for (let peer = 0; peer < LINKS_MAX; peer++) links.link(String(peer)).handleTransfer(0, 1_000_000, 1_000)
    links.link('0')
    links.link('another')
    expect(links.size).toBe(LINKS_MAX)
    expect([links.bytesPerSecond(0, '0'), links.bytesPerSecond(0, '1'), links.bytesPerSecond(0, 'another')]).toEqual([1_000_000, null, null])
  })
})

describe('who offers to take compressed batches', () => {
  it.each([
    ['auto', null, null, true], ['auto', slow, null, true], ['auto', SLOW_BYTES_PER_SECOND, null, false], ['auto', Infinity, null, false],
    ['auto', slow, NEAR_RTT_MS, true], ['auto', slow, 0.9, false], ['auto', null, 0.9, false], ['auto', SLOW_BYTES_PER_SECOND, 50, false],
    ['always', Infinity, 0, true], ['never', slow, 50, false],
  ] as const)('%s at %s bytes/s and %s ms: %s', (mode, bytesPerSecond, rttMs, offers) => {
    expect(mayPay(mode, { bytesPerSecond, rttMs })).toBe(offers)
  })
})

describe('what is compressed', () => {
  it.each([
    ['auto', 100_000, slow, true], ['auto', 4_095, slow, false], ['auto', 100_000, null, false], ['auto', 100_000, SLOW_BYTES_PER_SECOND, false],
    ['always', 100_000, null, true], ['always', 100_000, Infinity, true], ['never', 100_000, slow, false],
  ] as const)('%s, %s bytes at %s: %s', (mode, bytes, rate, isDue) => {
    expect(new BatchCompression(mode).decide(bytes, rate)).toBe(isDue)
  })

  it('goes on as long as it pays: bytes spared ÷ bandwidth > 2 × time', () => {
    // Half the bytes of 1 MB spared at 2.5 MB/s are 200 ms.
    for (const [tookMs, goesOn] of [[90, true], [110, false]] as const) {
      const compression = new BatchCompression('auto')
      for (let batch = 0; batch < 200 && compression.decide(1_000_000, slow); batch++) compression.handleCompressed(1_000_000, 500_000, tookMs, slow)
      expect([tookMs, compression.decide(1_000_000, slow)]).toEqual([tookMs, goesOn])
    }
  })

  it('takes no notice of batches that only waited for a processor', () => {
    const compression = new BatchCompression('auto')
    let compressed = 0
    for (let batch = 0; batch < 400; batch++) {
      if (!compression.decide(1_000_000, slow)) continue
      compressed++
      compression.handleCompressed(1_000_000, 500_000, batch % 10 === 0 ? 5 : 500, slow)
    }
    expect(compressed).toBe(400)
  })

  it('what does not shrink is sent as it was, and the next ones are not tried for a while', () => {
    for (const mode of ['auto', 'always'] as const) {
      const compression = new BatchCompression(mode)
      let tried = 0
      for (let batch = 0; batch < 1_000; batch++) {
        if (!compression.decide(100_000, slow)) continue
        tried++
        expect(compression.handleCompressed(100_000, 100_010, 1, slow)).toBe(false)
      }
      expect(tried).toBeGreaterThan(20)
      expect(tried).toBeLessThan(50)
    }
  })

  it('is tried again when the data have changed', () => {
    const compression = new BatchCompression('auto')
    for (let batch = 0; batch < 100; batch++) if (compression.decide(100_000, slow)) compression.handleCompressed(100_000, 100_010, 1, slow)
    let compressed = 0
    for (let batch = 0; batch < 400; batch++) {
      if (!compression.decide(100_000, slow)) continue
      compressed++
      expect(compression.handleCompressed(100_000, 20_000, 1, slow)).toBe(true)
    }
    expect(compressed).toBeGreaterThan(300)
  })
})
