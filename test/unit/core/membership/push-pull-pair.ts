/** Two machines and one exchange between them, as the drivers run it. */
import type { Membership } from '../../../../src/core/membership/membership.ts'
import { type SyncAnswer, syncEntriesIn, syncMessageBytes, type SyncRequest } from '../../../../src/core/membership/push-pull.ts'

export interface Exchange {
  readonly messages: Array<SyncRequest | SyncAnswer>
  readonly kinds: string[]
  /** Entries carried, both ways. */
  readonly carried: string[]
  readonly bytes: number
}

export function exchange(asker: Membership, answerer: Membership, { nowMs = 1, salt = 0x1234567 } = {}): Exchange {
  const ids = { asker: asker.self.record.peerId, answerer: answerer.self.record.peerId }
  const messages: Array<SyncRequest | SyncAnswer> = []
  for (let request: SyncRequest | null = asker.syncRequest(nowMs, salt); request !== null;) {
    answerer.handleSync(nowMs, { from: ids.asker, entries: syncEntriesIn(request) })
    const answer: SyncAnswer = answerer.syncAnswer(nowMs, ids.asker, request)
    asker.handleSync(nowMs, { from: ids.answerer, entries: syncEntriesIn(answer) })
    messages.push(request, answer)
    request = asker.syncNext(nowMs, request, answer)
  }
  return {
    messages,
    kinds: messages.map(({ kind }) => kind),
    carried: messages.flatMap((message) => syncEntriesIn(message).map(({ signed, state }) => `${signed.record.peerId} ${signed.record.incarnation} ${state}`)),
    bytes: messages.reduce((sum, message) => sum + syncMessageBytes(message), 0),
  }
}
