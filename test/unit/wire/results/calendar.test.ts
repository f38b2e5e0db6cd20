import { describe, expect, it } from 'vitest'
import { createRandom, randomInteger } from '../../../../src/core/time/random.ts'
import { dateText, timestampText, timeText } from '../../../../src/wire/results/calendar.ts'

describe('calendar', () => {
  it('agrees with Date wherever Date reaches', () => {
    const random = createRandom(1)
    for (let round = 0; round < 5000; round++) {
      const ms = randomInteger(random, 2 ** 53) % (round % 2 === 0 ? 8.64e15 : 4e12)
      const signed = round % 3 === 0 ? -ms : ms
      const iso = new Date(signed).toISOString()
      const fraction = iso.slice(-4, -1)
      const expected = `${iso.slice(0, -5)}${fraction === '000' ? '' : `.${fraction}000`}Z`
      expect(timestampText(BigInt(signed), 'millisecond', true)).toBe(expected)
      expect(dateText(Math.floor(signed / 86_400_000))).toBe(iso.slice(0, iso.indexOf('T')))
    }
  })

  it('goes on where Date ends', () => {
    expect(dateText(2_147_483_646)).toBe('+5881580-07-10')
    expect(timestampText(-9_223_372_022_400_000_000n, 'microsecond', false)).toBe('-290308-12-22T00:00:00')
    expect(dateText(-2_147_483_647)).toBe('-infinity')
    expect(timestampText(2n ** 63n - 1n, 'nanosecond', false)).toBe('infinity')
  })

  it('writes times as the engine does', () => {
    expect(timeText(86_400_000_000n, 'microsecond')).toBe('24:00:00')
    expect(timeText(3_723_004_500n, 'microsecond')).toBe('01:02:03.0045')
    expect(timeText(1n, 'nanosecond')).toBe('00:00:00.000000001')
  })
})
