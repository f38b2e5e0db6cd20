/** W3C Trace Context: version, trace id, id of the caller's span, flags. */
const pattern = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/

export interface Traceparent {
  readonly traceId: string
  readonly spanId: string
  readonly flags: number
}

/** Null for what is none, and for ids of zeros, which the standard forbids. */
export function readTraceparent(text: string): Traceparent | null {
  const [, traceId, spanId, flags] = pattern.exec(text) ?? []
  return traceId === undefined || spanId === undefined || flags === undefined ? null : { traceId, spanId, flags: Number.parseInt(flags, 16) }
}

/** Of its flags only the one that says whether it is sampled is told. */
export function writeTraceparent({ traceId, spanId, flags }: Traceparent): string {
  return `00-${traceId}-${spanId}-${flags & 1 ? '01' : '00'}`
}
