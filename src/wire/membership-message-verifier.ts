/**
 * Verifies what one message carries, and gives up on it after a few signatures that are not genuine: whoever passes updates on has
 * verified them first, so only a forger sends many, and a sync has room for some 4,600 of 70 µs each. What fails its bounds
 * before any signature is checked costs next to nothing; a sender of another version may bring any number.
 */
import type { SignedLeave, SignedRecord } from '../core/membership/types.ts'
import type { RecordVerifier } from './membership-signatures.ts'

/** More than one, because a single bad update is no reason to lose the rest, and few, because each costs a check. */
export const badSignaturesMax = 4

export class MessageVerifier {
  readonly #verifier: RecordVerifier
  #badSignatures = 0

  constructor(verifier: RecordVerifier) {
    this.#verifier = verifier
  }

  /** From then on nothing more should be verified: the message as a whole is to be refused. */
  get isForged(): boolean {
    return this.#badSignatures >= badSignaturesMax
  }

  verifyRecord(envelope: Uint8Array): SignedRecord | null {
    const checkedBefore = this.#verifier.checked
    return this.#judge(this.#verifier.verifyRecord(envelope), checkedBefore)
  }

  verifyLeave(envelope: Uint8Array): SignedLeave | null {
    const checkedBefore = this.#verifier.checked
    return this.#judge(this.#verifier.verifyLeave(envelope), checkedBefore)
  }

  #judge<Signed>(signed: Signed | null, checkedBefore: number): Signed | null {
    if (signed === null && this.#verifier.checked > checkedBefore) this.#badSignatures++
    return signed
  }
}
