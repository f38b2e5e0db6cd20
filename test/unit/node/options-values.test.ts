import { describe, expect, it } from 'vitest'
import { nearestName } from '../../../src/node/options-suggestion.ts'
import { readDuration, readHost, readHostPort, readPercent, readSeed, readSize, writeDuration, writeHostPort } from '../../../src/node/options-values.ts'

describe('values', () => {
  it.each([['500ms', 500], ['30s', 30_000], ['2m', 120_000], ['1h', 3_600_000], ['1.5s', 1_500], ['30', null], [30, null], ['30 s', 30_000], ['-1s', null], ['1d', null], ['', null]])('duration %j', (text, ms) => {
    expect(readDuration(text)).toBe(ms)
  })

  it.each([['512MB', 512e6], ['1GB', 1e9], ['1GiB', 2 ** 30], ['1gb', null], ['1', null]])('size %j', (text, bytes) => {
    expect(readSize(text)).toBe(bytes)
  })

  it.each([['80', 80], ['80%', 80], [80, 80], ['80 percent', null], ['%', null], [Number.NaN, null]])('percentage %j', (text, percent) => {
    expect(readPercent(text)).toBe(percent)
  })

  it.each([
    ['127.0.0.1:7400', { host: '127.0.0.1', port: 7400 }], ['[::1]:0', { host: '::1', port: 0 }], ['db1.example.net:1', { host: 'db1.example.net', port: 1 }],
    ['::1:7400', null], ['127.0.0.1', null], ['1.2.3:1', null], ['host:99999', null], ['[localhost]:1', null], [':1', null], ['a b:1', null],
  ])('host and port %j', (text, address) => {
    expect(readHostPort(text)).toEqual(address)
    if (address !== null) expect(writeHostPort(address)).toBe(text)
  })

  it.each([['db1', { host: 'db1', port: null }], ['[::1]', { host: '::1', port: null }], ['db1:5', { host: 'db1', port: 5 }], ['', null]])('host %j', (text, host) => {
    expect(readHost(text)).toEqual(host)
  })

  it.each([['10.0.0.1:7400', true], ['/ip4/10.0.0.1/tcp/7400/p2p/12D3', true], ['/dns4/a.b/tcp/1', true], ['10.0.0.1:0', false], ['/unix/tmp', false], ['/ip4/', false], ['dns:mesh.local:7400', true], ['dns:mesh.local', false], ['dns:10.0.0.1:7400', false], ['dns:mesh.local:0', false]])('seed %j', (text, isSeed) => {
    expect(readSeed(text)).toBe(isSeed ? text : null)
  })

  it.each([[1_000, '1s'], [90_000, '90s'], [120_000, '2m'], [50, '50ms'], [86_400_000, '24h']])('writes %d ms', (ms, text) => {
    expect(writeDuration(ms)).toBe(text)
    expect(readDuration(text)).toBe(ms)
  })
})

describe('suggestions', () => {
  it.each([['lsten', 'listen'], ['databsaes', 'databases'], ['LISTEN', 'listen'], ['xyz', null], ['', null]])('%j', (name, nearest) => {
    expect(nearestName(name, ['listen', 'databases', 'name'])).toBe(nearest)
  })
})
