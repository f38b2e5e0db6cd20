/** Sentences about what is shown: for the head of the page, for those who hear it, and for what has no other text. */
import type { EventView } from '../../../wire/event-views.ts'
import type { AlertView, LiveStateView, QueryRecord } from '../../../wire/operations-views.ts'
import { CONDITION_WORDS, CONDITIONS, conditionOf, isUp } from './condition.ts'
import type { Standing } from './dashboard-state.ts'
import { formatClock, formatCount, formatMs, oneLine } from './format.ts'

export interface Overview {
  readonly up: number
  readonly known: number
  readonly medianMs: number | null
  readonly farthestMs: number | null
  readonly attention: number
}

export function overviewOf(live: LiveStateView): Overview {
  const expected = live.members.filter(({ state }) => state !== 'left')
  const rtts = expected.filter((member) => isUp(member) && !member.isLocal && member.latencyMs !== null).map(({ latencyMs }) => latencyMs ?? 0).sort((one, other) => one - other)
  return {
    up: expected.filter(isUp).length, known: expected.length,
    medianMs: rtts[Math.floor((rtts.length - 1) / 2)] ?? null, farthestMs: rtts.at(-1) ?? null,
    attention: expected.filter((member) => conditionOf(member) !== 'healthy' || member.overloaded).length,
  }
}

/** "3 nodes: 2 healthy, 1 failed. Round trips from 0.31 ms to 12.4 ms." */
export function meshSentence(live: LiveStateView): string {
  const counts = new Map<string, number>()
  for (const member of live.members) counts.set(CONDITION_WORDS[conditionOf(member)], (counts.get(CONDITION_WORDS[conditionOf(member)]) ?? 0) + 1)
  const states = CONDITIONS.map((condition) => CONDITION_WORDS[condition]).filter((word) => counts.has(word)).reverse().map((word) => `${counts.get(word) ?? 0} ${word.toLowerCase()}`)
  const rtts = live.members.flatMap(({ latencyMs, isLocal }) => (isLocal || latencyMs === null ? [] : [latencyMs]))
  const span = rtts.length === 0 ? 'No round trip is measured yet.' : `Round trips from here: ${formatMs(Math.min(...rtts))} to ${formatMs(Math.max(...rtts))}.`
  return `${formatCount(live.members.length, 'node')}: ${states.join(', ')}. ${span}`
}

const eventWords: Readonly<Record<EventView['type'], string>> = {
  'member-joined': 'joined', 'member-updated': 'changed', 'member-suspected': 'is suspected', 'member-refuted': 'is cleared', 'member-failed': 'failed', 'member-left': 'left',
  'member-returning': 'is returning', 'member-flapping': 'comes and goes', 'member-settled': 'has settled', 'path-degraded': 'path degraded', 'path-restored': 'path restored',
  'partition-suspected': 'Partition suspected', 'partition-healed': 'Partition healed', 'partition-ended': 'Partition ended', 'quorum-lost': 'Quorum lost', 'quorum-regained': 'Quorum regained',
  'peer-ejected': 'Peer kept out of routing', 'peer-returned': 'Peer taken back into routing', 'hotspot-detected': 'Hotspot', 'hotspot-ended': 'Hotspot ended',
  'name-conflict': 'Name conflict', 'name-conflict-ended': 'Name conflict ended',
}

export type Weight = 'good' | 'bad' | 'warning' | 'plain'

const weights: Partial<Record<EventView['type'], Weight>> = {
  'member-joined': 'good', 'member-refuted': 'good', 'member-settled': 'good', 'path-restored': 'good', 'partition-healed': 'good', 'quorum-regained': 'good', 'peer-returned': 'good', 'hotspot-ended': 'good',
  'member-failed': 'bad', 'quorum-lost': 'bad', 'partition-suspected': 'bad',
  'member-suspected': 'warning', 'member-flapping': 'warning', 'path-degraded': 'warning', 'peer-ejected': 'warning', 'hotspot-detected': 'warning', 'name-conflict': 'warning', 'member-returning': 'warning',
}

export const WEIGHT_SIGNS: Readonly<Record<Weight, string>> = { good: '▲', bad: '✕', warning: '!', plain: '·' }

/** A later node may tell of more than this page knows. */
export function weightOf(event: EventView): Weight {
  return weights[event.type] ?? 'plain'
}

/** "lyon-2 failed", "Quorum lost". */
export function eventTitle(event: EventView): string {
  const words = (eventWords as Readonly<Record<string, string>>)[event.type] ?? event.type
  if ('record' in event) return `${event.name} ${words}`
  if ('database' in event && event.database !== null) return `${words}: ${event.table ?? event.database}`
  return 'keeper' in event ? `${words}: ${event.name}` : words
}

/** Where a query went, as one phrase: "here", "to lyon-2 (12 ms away)". Of one that failed at a peer the node does not keep at which. */
export function routePhrase({ decision, executedBy, latencyMs, sentBy, failedAttempts }: Pick<QueryRecord, 'decision' | 'executedBy' | 'latencyMs' | 'sentBy' | 'failedAttempts'>): string {
  const from = sentBy === null ? '' : `from ${sentBy}, `
  switch (decision) {
    case 'local': return `${from}here`
    case 'local-overloaded': return `${from}here, though overloaded`
    case 'refused': return `${from}refused`
    case 'failed': return `${from}before a decision`
    default: return executedBy === null ? `${from}to ${failedAttempts.map(({ name }) => name).join(', then to ') || 'a peer'}` : `${from}to ${executedBy.name}${latencyMs === null ? '' : ` (${formatMs(latencyMs)} away)`}`
  }
}

/** Of an empty list of alerts: that nothing fires is said only of now. */
export function noAlerts(standing: Standing): { readonly title: string; readonly detail: string } {
  switch (standing.kind) {
    case 'now': return { title: 'No alerts', detail: 'Nothing that a rule watches is out of bounds.' }
    case 'old': return { title: 'Not known', detail: `There was no alert at ${formatClock(standing.atWallMs)}; since then nothing was heard from the node.` }
    case 'unknown': return { title: 'Not known yet', detail: 'Alerts are listed once the node is heard.' }
  }
}

/** Beside the head of the list. */
export function alertCount(standing: Standing, alerts: readonly AlertView[]): string {
  if (standing.kind === 'old') return `as of ${formatClock(standing.atWallMs)}`
  return alerts.length === 0 ? '' : `${alerts.filter(({ state }) => state === 'firing').length} firing`
}

export interface Pill {
  readonly text: string
  readonly weight: 'good' | 'warning' | 'bad' | 'plain'
}

/** Green is of now; what was so at a time is grey, and says when. */
export function quorumPill(live: LiveStateView, standing: Standing): Pill {
  const text = live.hasQuorum ? 'Quorum' : 'No quorum'
  return standing.kind === 'old' ? { text: `${text} at ${formatClock(standing.atWallMs)}`, weight: 'plain' } : { text, weight: live.hasQuorum ? 'good' : 'bad' }
}

export function statementTitle({ sql }: Pick<QueryRecord, 'sql'>): string {
  return sql === '' ? '(its text is not kept)' : oneLine(sql)
}
