import { describe, expect, it } from 'vitest'
import { findFault } from '../../../src/wire/membership-record.ts'
import { createTestRecord } from '../../support/member-records.ts'

describe('the UDP host of a record', () => {
  it.each([
    '0.0.0.0', '0.1.2.3', '255.255.255.255', '224.0.0.1', '239.255.255.255',
    '::', '0:0:0:0:0:0:0:0', '::0', '0::', '::0.0.0.0', 'ff02::1', 'FF0E::1', 'fe80::1%lo', '::1%1',
    '::ffff:0.0.0.0', '::FFFF:0:0', '0:0:0:0:0:ffff:0:0', '::ffff:224.0.0.1', '::ffff:255.255.255.255', '::ffff:ffff:ffff',
    'localhost', '',
  ])('is not %s', (udpHost) => {
    expect(findFault(createTestRecord('12D3a', { udpHost }))).toBe('the UDP host is not the IP address of one host')
  })

  it.each(['127.0.0.1', '10.0.0.5', '203.0.113.9', '::1', 'fe80::1', '2001:db8::5', 'fd00::1', '::ffff:10.0.0.5'])('may be %s', (udpHost) => {
    expect(findFault(createTestRecord('12D3a', { udpHost }))).toBeNull()
  })
})
