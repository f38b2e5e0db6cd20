import { describe, expect, it } from 'vitest'
import { sourceOf } from '../../../../src/operations/http/client-address.ts'

describe('whom a bound by address means', () => {
  it.each([
    ['10.0.0.7', '10.0.0.7'], ['::ffff:10.0.0.7', '10.0.0.7'], ['127.0.0.1', '127.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'], ['2001:db8::9', '2001:db8:0:0::/64'], ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    // This host, and not the network in which its address lies.
    ['::1', '::1'],
  ])('of %s is %s', (address, source) => {
    expect(sourceOf(address)).toBe(source)
  })
})
