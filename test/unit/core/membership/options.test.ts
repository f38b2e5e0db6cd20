import { describe, expect, it } from 'vitest'
import { MEMBERSHIP_OPTION_NAMES, MEMBERSHIP_OPTIONS, parseMembershipOptions, type MembershipOptions } from '../../../../src/core/membership/options.ts'

describe('membership options', () => {
  it.each(['lan', 'wan', 'local'] as const)('preset %s is within its own ranges and frozen', (preset) => {
    const options = parseMembershipOptions({}, preset)
    expect(Object.isFrozen(options)).toBe(true)
    for (const name of MEMBERSHIP_OPTION_NAMES) expect(options[name]).toBe(MEMBERSHIP_OPTIONS[name].presets[preset])
  })

  it('the lan preset is what the design says', () => {
    expect(parseMembershipOptions()).toMatchObject({ probeIntervalMs: 1000, ackTimeoutMs: 500, indirectProbes: 3, gossipFanout: 3, gossipIntervalMs: 200 })
  })

  it('every option says what rises and what falls', () => {
    for (const name of MEMBERSHIP_OPTION_NAMES) expect(MEMBERSHIP_OPTIONS[name].description).toMatch(/[Ll]arger: .+; .+/)
  })

  it.each([
    [{ probeIntervalMs: 49 }, 'probeIntervalMs is 49'],
    [{ probeIntervalMs: NaN }, 'probeIntervalMs is NaN'],
    [{ indirectProbes: 1.5 }, 'an integer from 0 to 16'],
    [{ ackTimeoutMs: '500' as unknown as number }, 'ackTimeoutMs is 500; it must be a number'],
    [{ probeIntervalMs: 500 }, 'must be below membership.probeIntervalMs'],
    [{ ackTimeoutFloorMs: 501 }, 'must not exceed membership.ackTimeoutMs'],
  ] satisfies Array<[Partial<MembershipOptions>, string]>)('refuses %o', (input, message) => {
    expect(() => parseMembershipOptions(input)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining(message) as string }) as Error)
  })

  it('refuses what it does not know', () => {
    expect(() => parseMembershipOptions({ probeInterval: 5 } as Partial<MembershipOptions>)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_UNKNOWN' }) as Error)
  })
})
