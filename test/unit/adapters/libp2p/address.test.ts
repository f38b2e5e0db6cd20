import { describe, expect, it } from 'vitest'
import { parseAddress } from '../../../../src/adapters/libp2p/address.ts'

const PEER = '12D3KooWGFZaYCvJpXCQjyc4ETMd7NChxwKhYqi9Sr4vKe6sCuK8'

describe('parseAddress', () => {
  it.each([
    ['10.0.0.5:7400', '/ip4/10.0.0.5/tcp/7400'],
    ['[fd00::5]:7400', '/ip6/fd00::5/tcp/7400'],
    ['localhost:1', '/dns/localhost/tcp/1'],
    ['db-1.example.org:65535', '/dns/db-1.example.org/tcp/65535'],
    ['/ip4/10.0.0.5/tcp/7400', '/ip4/10.0.0.5/tcp/7400'],
    [`/dns4/db1/tcp/7400/p2p/${PEER}`, `/dns4/db1/tcp/7400/p2p/${PEER}`],
  ])('takes %s', (text, expected) => {
    expect(parseAddress(text).toString()).toBe(expected)
  })

  it.each([
    '', 'localhost', 'localhost:', ':7400', 'localhost:0', 'localhost:65536', 'localhost:74x', 'fd00::5:7400', '[10.0.0.5]:7400', '[fd00::5]',
    '999.1.1.1:7400', 'http://localhost:7400', 'a b:7400', '-x:7400', '/ip4/10.0.0.5', '/ip4/10.0.0.5/udp/7400', '/ip4/10.0.0.5/tcp/7400/ws',
    `/p2p/${PEER}`, '/ip4/x/tcp/1', '/ip4/10.0.0.5/tcp/7400/p2p/nobody',
    `/ip4/10.0.0.5/tcp/7400/p2p/${PEER}/p2p-circuit`,
  ])('refuses "%s" and says how to write it', (text) => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', nextStep: expect.stringContaining('10.0.0.5:7400') as string }))
  })
})
