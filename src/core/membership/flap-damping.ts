/** Placeholder until the real one lands. */
export class FlapDamping {
  note(_nowMs: number, _peerId: string): 'flapping' | null { return null }
  penalty(_nowMs: number, _peerId: string): number { return 0 }
  settledAtMs(_peerId: string): number { return 0 }
  settle(_nowMs: number, _peerId: string): boolean { return true }
}

export function probationMs({ awayMs, penalty }: { readonly awayMs: number; readonly penalty: number }): number {
  return Math.min(300_000, Math.min(60_000, Math.max(5_000, 2 * awayMs)) * (1 + penalty))
}
