import { describe, expect, it } from 'vitest'
import { loadNodeOptions, OPTION_TABLE } from '../../src/node/options.ts'
import { MEMBERSHIP_OPTION_NAMES } from '../../src/core/membership/options.ts'

/** The plain field that a key becomes. */
const irregular: Readonly<Record<string, string>> = { 'membership.preset': 'membershipPreset', 'hotspotRate': 'hotspotPerSecond', 'cacheSize': 'cacheBytes' }
/** Keys of a group are fields of an object of that name. */
const groups = ['http', 'tables', 'alerts', 'traces']
const suffixes: Readonly<Record<string, string>> = { duration: 'Ms', percent: 'Percent' }

describe('the option table and NodeOptions', () => {
  it('agree, key by field', () => {
    const options = loadNodeOptions({ flags: {}, env: {}, cwd: '/' })
    const expected = OPTION_TABLE.filter(({ key }) => !groups.includes(key.split('.')[0] ?? '')).filter(({ key }) => irregular[key] !== undefined || !key.startsWith('membership.')).map(({ key, form }) => irregular[key] ?? `${key}${suffixes[form.kind] ?? ''}`)
    expect([...expected, ...groups, 'membership', 'routing'].toSorted()).toEqual(Object.keys(options).toSorted())
    expect(Object.keys(options.membership).toSorted()).toEqual([...MEMBERSHIP_OPTION_NAMES].toSorted())
  })

  it('every value is there: a key without a default is a list, an absence, or computed', () => {
    const options = loadNodeOptions({ flags: {}, env: {}, cwd: '/' })
    expect(Object.entries(options).filter(([, value]) => value === undefined)).toEqual([])
  })

  it('flags and variables are unique', () => {
    expect(new Set(OPTION_TABLE.map(({ flag }) => flag)).size).toBe(OPTION_TABLE.length)
    expect(new Set(OPTION_TABLE.map(({ env }) => env)).size).toBe(OPTION_TABLE.length)
  })

  it('every bounded option says what rises and what falls', () => {
    expect(OPTION_TABLE.filter(({ form, tradeOff }) => 'min' in form && tradeOff === '').map(({ key }) => key)).toEqual([])
  })
})
