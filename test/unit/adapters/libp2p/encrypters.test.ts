import { describe, expect, it } from 'vitest'
import { createEncrypters, encrypterProtocol } from '../../../../src/adapters/libp2p/encrypters.ts'
import { keyFingerprint } from '../../../../src/wire/cluster-key.ts'

const key = new Uint8Array(32).fill(7)

describe('cluster keys', () => {
  it('have a fingerprint that is stable, short and not the key', () => {
    expect(keyFingerprint(key)).toMatch(/^[0-9a-f]{16}$/)
    expect(keyFingerprint(key)).toBe(keyFingerprint(Uint8Array.from(key)))
    expect(keyFingerprint(key)).not.toBe(keyFingerprint(new Uint8Array(32).fill(8)))
    expect(keyFingerprint(key)).not.toContain('0707')
  })

  it('name their encrypter by the first eight digits of it', () => {
    expect(encrypterProtocol(key)).toBe(`/noise/reedbase-${keyFingerprint(key).slice(0, 8)}`)
  })

  it('are offered in their order, and stock Noise without any', () => {
    expect(createEncrypters([]).length).toBe(1)
    expect(createEncrypters([key, new Uint8Array(32)]).length).toBe(2)
  })

  it('are refused when they are no 32 bytes, or there twice', () => {
    expect(() => createEncrypters([new Uint8Array(31)])).toThrow(expect.objectContaining({ code: 'ERR_KEYRING_DAMAGED' }))
    expect(() => createEncrypters([key, Uint8Array.from(key)])).toThrow(expect.objectContaining({ code: 'ERR_KEYRING_DAMAGED' }))
  })
})
