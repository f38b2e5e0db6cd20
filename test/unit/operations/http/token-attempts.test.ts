import { describe, expect, it } from 'vitest'
import { MeshError } from '../../../../src/errors.ts'
import { TOKEN_ADDRESSES_MAX, TOKEN_WINDOW_MS, TokenAttempts, WRONG_TOKENS_MAX } from '../../../../src/operations/http/token-attempts.ts'
import { VirtualClock } from '../../../support/query-plane.ts'

function setUp() {
  const clock = new VirtualClock()
  const warned: object[] = []
  const told: string[] = []
  const attempts = new TokenAttempts({ clock, log: { warn: (fields) => { warned.push(fields) } }, observer: { handleToken: (outcome) => { told.push(outcome) } } })
  const show = (address: string, isRight: boolean): string => {
    try {
      attempts.judge(address, () => { if (!isRight) throw new MeshError('ERR_TOKEN', 'wrong') })
      return 'taken'
    } catch (error) {
      const { code, details } = error as MeshError
      return code === 'ERR_TOKEN_THROTTLED' ? `throttled ${details['retryAfterSeconds']}` : code
    }
  }
  const wrong = (address: string, times: number): string[] => Array.from({ length: times }, () => show(address, false))
  return { clock, warned, told, attempts, show, wrong }
}

describe('wrong tokens', () => {
  it('are ten in a minute from one address; then it is not listened to until that minute is over, whatever it shows', () => {
    const { clock, show, wrong, told } = setUp()
    expect(new Set(wrong('10.0.0.1', WRONG_TOKENS_MAX))).toEqual(new Set(['ERR_TOKEN']))
    clock.advance(20_500)
    expect(wrong('10.0.0.1', 1)).toEqual(['throttled 40'])
    expect(show('10.0.0.1', true)).toBe('throttled 40')
    expect(show('10.0.0.2', true)).toBe('taken')
    expect(told.filter((outcome) => outcome === 'throttled')).toHaveLength(2)
    clock.advance(TOKEN_WINDOW_MS - 20_501)
    expect(show('10.0.0.1', true)).toBe('throttled 1')
    clock.advance(1)
    expect(show('10.0.0.1', true)).toBe('taken')
    expect(wrong('10.0.0.1', 1)).toEqual(['ERR_TOKEN'])
  })

  it('keep nobody else out who comes by the same proxy on this host', () => {
    const { show, wrong, told } = setUp()
    wrong('127.0.0.1', WRONG_TOKENS_MAX)
    expect(wrong('127.0.0.1', 1)).toEqual(['throttled 60'])
    expect(show('127.0.0.1', true)).toBe('taken')
    expect(told.at(-1)).toBe('throttled')
  })

  it('are no more for one who has a network of IPv6, or is told in two ways', () => {
    const { show, wrong } = setUp()
    for (let host = 1; host <= WRONG_TOKENS_MAX; host++) wrong(`2001:db8:0:1::${host}`, 1)
    expect(show('2001:db8:0:1:ffff::1%eth0', true)).toBe('throttled 60')
    expect(show('2001:db8::1:0:0:0:1', true)).toBe('throttled 60')
    expect(show('2001:db8:0:2::1', true)).toBe('taken')
    wrong('::ffff:10.0.0.1', WRONG_TOKENS_MAX)
    expect(show('10.0.0.1', true)).toBe('throttled 60')
  })

  it('of more addresses than are kept push out the one that began first', () => {
    const { attempts, show, wrong } = setUp()
    wrong('10.0.0.1', WRONG_TOKENS_MAX)
    for (let i = 1; i < TOKEN_ADDRESSES_MAX; i++) wrong(`10.1.${i >> 8}.${i & 255}`, 1)
    expect(attempts.addresses).toBe(TOKEN_ADDRESSES_MAX)
    expect(show('10.0.0.1', true)).toBe('throttled 60')
    wrong('10.2.0.1', 1)
    expect(attempts.addresses).toBe(TOKEN_ADDRESSES_MAX)
    expect(show('10.0.0.1', true)).toBe('taken')
  })

  it('are told in the log at once, then once a minute with their number, and no more when they end', () => {
    const { clock, warned, wrong } = setUp()
    wrong('10.0.0.1', 3)
    wrong('10.0.0.2', 1)
    expect(warned).toEqual([{ remoteAddress: '10.0.0.1', wrongTokens: 1 }])
    clock.advance(TOKEN_WINDOW_MS)
    expect(warned.slice(1)).toEqual([{ remoteAddress: '10.0.0.2', wrongTokens: 3 }])
    clock.advance(10 * TOKEN_WINDOW_MS)
    expect(warned).toHaveLength(2)
    wrong('10.0.0.3', 1)
    expect(warned.slice(2)).toEqual([{ remoteAddress: '10.0.0.3', wrongTokens: 1 }])
  })

  it('are not what fails otherwise', () => {
    const { attempts, told } = setUp()
    expect(() => { attempts.judge('10.0.0.1', () => { throw new MeshError('ERR_CROSS_SITE', 'elsewhere') }) }).toThrow('elsewhere')
    expect([told, attempts.addresses]).toEqual([[], 0])
  })
})
