import { describe, expect, it } from 'vitest'
import { Encrypters, encrypterProtocol } from '../../../../src/adapters/libp2p/encrypters.ts'
import { keyFingerprint } from '../../../../src/wire/cluster-key.ts'

const key = new Uint8Array(32).fill(7)

describe('cluster keys', () => {
  it('have a fingerprint that is stable, short and not the key', () => {
    expect(keyFingerprint(key)).toMatch(/^[0-9a-f]{16}$/)
    expect(keyFingerprint(key)).toBe(keyFingerprint(Uint8Array.from(key)))
    expect(keyFingerprint(key)).not.toBe(keyFingerprint(new Uint8Array(32).fill(8)))
    expect(keyFingerprint(key)).not.toContain('0707')
  })

  it('name their encrypter by eight digits that depend on key and label', () => {
    expect(encrypterProtocol(key)).toMatch(/^\/noise\/reedbase-[0-9a-f]{8}$/)
    const names = [encrypterProtocol(key), encrypterProtocol(key, 'staging'), encrypterProtocol(new Uint8Array(32).fill(8))]
    expect(new Set(names).size).toBe(3)
    expect(encrypterProtocol(key, 'reedbase')).toBe(encrypterProtocol(key))
  })

  it.each([
    ['no 32 bytes', [new Uint8Array(31)]],
    ['there twice', [key, Uint8Array.from(key)]],
  ])('are refused when they are %s, at the start and later', (_what, keys) => {
    expect(() => new Encrypters({ keys, label: 'reedbase', onKnock: () => undefined })).toThrow(expect.objectContaining({ code: 'ERR_KEYRING_DAMAGED' }))
    const encrypters = new Encrypters({ keys: [key], label: 'reedbase', onKnock: () => undefined })
    expect(() => { encrypters.setKeys(keys) }).toThrow(expect.objectContaining({ code: 'ERR_KEYRING_DAMAGED' }))
    expect(encrypters.keys).toEqual([key])
  })
})
