/** What every membership decoder answers, and the one place where the generated codecs' exceptions are contained. */

export type Decoded<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly reason: string }

/** Of messages that carry updates or records signed by others: those that could not be believed are left out and counted. */
export type DecodedFromOthers<Value> =
  | {
    readonly ok: true
    readonly value: Value
    /** Left out because the signature, or the record under it, is not valid. */
    readonly unverified: number
    /** Left out because they are of a kind that a later version of the protocol brings. */
    readonly unknown: number
  }
  | { readonly ok: false; readonly reason: string }

export function refuse(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason }
}

/** Runs a generated decoder, which throws on bytes that are no such message, or a check that crypto may refuse to make. */
export function contain<Value>(decode: () => Value): Decoded<Value> {
  try {
    return { ok: true, value: decode() }
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

/** What the wire allows for incarnations, sequences and milliseconds. Above it, a varint has already lost digits as a number. */
export function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
