import { describe, expect, it } from 'vitest'
import { formatAddress, formatAge, formatDuration, formatPercent, formatShare, shortPeerId } from '../../../src/cli/format.ts'
import { cutToWidth, displayWidth } from '../../../src/cli/query/display-width.ts'

describe('format', () => {
  it.each([[0, '0ms'], [0.42, '0.4ms'], [9.96, '10ms'], [45.2, '45ms'], [999.4, '999ms'], [999.6, '1s'], [1_250, '1.3s'], [59_960, '1m 0s'], [65_000, '1m 5s'], [7_800_000, '2h 10m'], [356_400_000, '4d 3h']])('%d ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text)
  })

  it('writes what is missing as a dash', () => {
    expect([formatPercent(null), formatAge(null, 5)]).toEqual(['–', '–'])
  })

  it('never shows the future', () => {
    expect(formatAge(2_000, 1_000)).toBe('now')
  })

  it('shares nothing out of nothing', () => {
    expect([formatShare(0, 0), formatShare(1, 3)]).toEqual(['0 (0%)', '1 (33%)'])
  })

  it.each([['/ip4/1.2.3.4/tcp/5/p2p/12D', '1.2.3.4:5'], ['/ip6/::1/tcp/5', '[::1]:5'], ['/dns4/a.b/tcp/5', 'a.b:5'], ['/ip4/1.2.3.4/udp/5', '/ip4/1.2.3.4/udp/5']])('%s is shown as %s', (multiaddr, text) => {
    expect(formatAddress(multiaddr)).toBe(text)
  })

  it('keeps short ids whole', () => {
    expect([shortPeerId('local1'), shortPeerId('12D3KooWabcdefgh')]).toEqual(['local1', '…abcdefgh'])
  })
})

describe('display width', () => {
  it.each([['abc', 3], ['日本', 4], ['é', 1], ['e\u0301', 1], ['👩‍👩‍👧', 2], ['–', 1], ['', 0]])('%s takes %d', (text, width) => {
    expect(displayWidth(text)).toBe(width)
  })

  it.each([['abcdef', 4, 'abc…'], ['日本語', 5, '日本…'], ['日本語', 4, '日…']])('%s cut to %d', (text, width, cut) => {
    expect(cutToWidth(text, width)).toBe(cut)
  })
})
