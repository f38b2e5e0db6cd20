/** Events in words: one sentence that tells the story, the same in the log, in `rdb members --watch` and in `rdb monitor`. */
import type { Evidence } from '../core/membership/types.ts'
import { type EventView, isMemberEvent, type MemberEventView } from '../wire/control.ts'
import { formatDuration } from './duration-text.ts'

/** Without its time and type: whom it is about, why, on whose word, and how long each phase took. */
export function eventText(event: EventView): string {
  return isMemberEvent(event) ? `${event.name}: ${reasonOf(event)}${provenance(event)}` : event.reason
}

/** Of a suspicion that was heard of, its reason says only that; what it rests on says more. */
function reasonOf({ type, reason, evidence, sinceProbeMs }: MemberEventView): string {
  return (type === 'member-suspected' && sinceProbeMs === null && evidence !== null ? hearsayTexts[evidence] : null) ?? reason
}

const hearsayTexts: Readonly<Record<Evidence, string | null>> = {
  probe: 'it does not answer', closed: 'its connection closed, and it does not answer', refused: 'its port refuses connections', silent: 'its host does not answer',
  lossy: 'it loses far more packets than others do', table: null, operator: null,
}

function provenance(event: MemberEventView): string {
  const { type, from, name, sinceProbeMs, suspectedBy, evidence } = event
  switch (type) {
    case 'member-suspected':
      return `; suspected by ${suspectedBy ?? from}${sinceProbeMs === null ? '' : ` after ${formatDuration(sinceProbeMs)}`}`
    case 'member-failed':
      return verdict(event)
    case 'member-refuted':
      return suspectedBy === null ? '' : `; suspected by ${suspectedBy}${confirmers(event)}${event.suspicionMs === null ? '' : ` for ${formatDuration(event.suspicionMs)}`}`
    case 'member-joined':
    case 'member-updated':
      // Who passed the news on matters only where it is not the member itself.
      return from === name ? '' : ` (from ${from})`
    case 'member-left':
      return evidence === 'operator' ? `; at ${from}` : ''
    case 'member-returning':
    case 'member-flapping':
    case 'member-settled':
    case 'path-degraded':
    case 'path-restored':
      return ''
  }
}

/** `; suspected by db1 after 104ms, confirmed by db2 and db4, declared 12ms later`; what was learned from a table has no times. */
function verdict({ from, name, suspectedBy, probeMs, suspicionMs, confirmedBy, evidence, sinceProbeMs }: MemberEventView): string {
  if (suspectedBy === null || evidence === 'table') return from === name ? '' : ` (from ${from})`
  const isTimed = probeMs !== null && suspicionMs !== null && probeMs + suspicionMs > 0
  const declarer = from === suspectedBy ? '' : ` by ${from}`
  const declared = isTimed ? `, declared${declarer} ${formatDuration(suspicionMs)} later` : declarer === '' ? '' : `, declared${declarer}`
  const seen = isTimed || sinceProbeMs === null ? '' : `, ${formatDuration(sinceProbeMs)} after the probe`
  return `; suspected by ${suspectedBy}${isTimed && probeMs > 0 ? ` after ${formatDuration(probeMs)}` : ''}${confirmers({ confirmedBy })}${declared}${seen}`
}

function confirmers({ confirmedBy }: Pick<MemberEventView, 'confirmedBy'>): string {
  return confirmedBy.length === 0 ? '' : `, confirmed by ${listText(confirmedBy)}`
}

/** `a`, `a and b`, `a, b and c`. */
export function listText(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1) ?? ''}`
}
