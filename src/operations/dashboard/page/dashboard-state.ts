/** What the page knows, and how each message of the node changes it. Every list has a bound; what did not change keeps its identity. */
import type { EventView } from '../../../wire/event-views.ts'
import type { AlertView, DatabaseView, LiveMemberView, LiveStateView, QueryRecord } from '../../../wire/operations-views.ts'

export type Connection =
  | { readonly phase: 'connecting'; readonly attempt: number }
  | { readonly phase: 'live' }
  | { readonly phase: 'waiting'; readonly attempt: number; readonly retryAtMs: number; readonly problem: string }
  | { readonly phase: 'signed-out'; readonly problem: string }

export interface ShownEvent {
  /** Counts up in this page. */
  readonly key: number
  readonly event: EventView
}

export interface ShownQuery {
  readonly key: string
  readonly query: QueryRecord
}

export interface DashboardState {
  readonly connection: Connection
  /** Null before the first. */
  readonly live: LiveStateView | null
  /** The latest first. */
  readonly events: readonly ShownEvent[]
  /** The latest first. */
  readonly queries: readonly ShownQuery[]
  /** Those that fire first, then pending ones, then resolved ones, each the latest first. */
  readonly alerts: readonly AlertView[]
  /** By name. */
  readonly databases: readonly DatabaseView[]
  /** PeerId of the member that the reader looks at. */
  readonly selected: string | null
  /** How often the charts were told of a time that the page did not see. */
  readonly pasts: number
}

export const EVENTS_MAX = 200
export const QUERIES_MAX = 100
export const ALERTS_MAX = 100

export const INITIAL_STATE: DashboardState = {
  connection: { phase: 'connecting', attempt: 0 }, live: null, events: [], queries: [], alerts: [], databases: [], selected: null, pasts: 0,
}

export type Change = (state: DashboardState) => DashboardState

export function connectionChanged(connection: Connection): Change {
  return (state) => ({ ...state, connection })
}

export function liveStateCame(live: LiveStateView): Change {
  return (state) => ({ ...state, live, alerts: inOrder(live.alerts) })
}

/** @param events in the order in which they came; those of before the page was opened may come late */
export function eventsCame(events: readonly EventView[]): Change {
  return (state) => {
    let next = state.events.reduce((highest, { key }) => Math.max(highest, key), 0) + 1
    const seen = new Set(state.events.map(({ event }) => eventKey(event)))
    const fresh = events.filter((event) => !seen.has(eventKey(event))).map((event) => ({ key: next++, event }))
    if (fresh.length === 0) return state
    const all = [...fresh.reverse(), ...state.events].sort((one, other) => other.event.atWallMs - one.event.atWallMs)
    return { ...state, events: all.slice(0, EVENTS_MAX) }
  }
}

/** What an event says of a member is shown with the event, and not up to a second later with the next state. */
export function membersToldOf(events: readonly EventView[]): Change {
  return (state) => {
    if (state.live === null) return state
    const told = new Map(events.flatMap((event) => (isMemberEvent(event) && statesTold[event.type] !== undefined ? [[event.record.peerId, statesTold[event.type]] as const] : [])))
    const members = state.live.members.map((member) => {
      const shown = told.get(member.peerId)
      return shown === undefined || (shown === 'alive' && member.state !== 'suspect') ? member : { ...member, state: shown }
    })
    return members.every((member, index) => member === state.live?.members[index]) ? state : { ...state, live: { ...state.live, members } }
  }
}

const statesTold: Partial<Record<EventView['type'], LiveMemberView['state']>> = { 'member-suspected': 'suspect', 'member-failed': 'failed', 'member-left': 'left', 'member-refuted': 'alive' }

/** As src/wire has it; a page's module takes only types from there. */
function isMemberEvent(event: EventView): event is Extract<EventView, { readonly record: unknown }> {
  return 'record' in event
}

/** After a lost connection some may come twice. */
function eventKey(event: EventView): string {
  return [event.atWallMs, event.type, 'record' in event ? event.record.peerId : '', event.reason].join(' ')
}

export function queriesCame(queries: readonly QueryRecord[]): Change {
  return (state) => {
    const seen = new Set(state.queries.map(({ key }) => key))
    const fresh = queries.map((query) => ({ key: queryKey(query), query })).filter(({ key }) => !seen.has(key) && seen.add(key))
    if (fresh.length === 0) return state
    const all = [...fresh, ...state.queries].sort((one, other) => endedWallMs(other.query) - endedWallMs(one.query) || other.query.id - one.query.id)
    return { ...state, queries: all.slice(0, QUERIES_MAX) }
  }
}

/** A node that was started again counts from 1 again. */
function queryKey({ id, startedWallMs }: QueryRecord): string {
  return `${startedWallMs}-${id}`
}

export function endedWallMs({ startedWallMs, durationMs }: QueryRecord): number {
  return startedWallMs + durationMs
}

export function alertsCame(alerts: readonly AlertView[]): Change {
  return (state) => {
    const byKey = new Map([...state.alerts, ...alerts].map((alert) => [alertKey(alert), alert]))
    return { ...state, alerts: inOrder([...byKey.values()]) }
  }
}

export function alertKey({ rule, subject }: AlertView): string {
  return `${rule}\n${subject}`
}

const alertOrder = { firing: 0, pending: 1, resolved: 2 }

function inOrder(alerts: readonly AlertView[]): AlertView[] {
  return [...alerts]
    .sort((one, other) => alertOrder[one.state] - alertOrder[other.state] || Number(other.severity === 'critical') - Number(one.severity === 'critical') || changedWallMs(other) - changedWallMs(one))
    .slice(0, ALERTS_MAX)
}

/** When it became what it is. */
export function changedWallMs({ state, sinceWallMs, firedAtWallMs, resolvedAtWallMs }: AlertView): number {
  return (state === 'resolved' ? resolvedAtWallMs : state === 'firing' ? firedAtWallMs : null) ?? sinceWallMs
}

export function databasesCame(databases: readonly DatabaseView[]): Change {
  return (state) => ({ ...state, databases: [...databases].sort((one, other) => one.name.localeCompare(other.name)) })
}

export function pastCame(): Change {
  return (state) => ({ ...state, pasts: state.pasts + 1 })
}

/** The same again takes the selection back. */
export function memberSelected(peerId: string | null): Change {
  return (state) => ({ ...state, selected: state.selected === peerId ? null : peerId })
}

/** Of what is known: whether it is so now, was so at a time, or is not known at all. */
export type Standing = { readonly kind: 'now' } | { readonly kind: 'old'; readonly atWallMs: number } | { readonly kind: 'unknown' }

export function standingOf({ connection, live }: Pick<DashboardState, 'connection' | 'live'>): Standing {
  if (live === null) return { kind: 'unknown' }
  return connection.phase === 'live' ? { kind: 'now' } : { kind: 'old', atWallMs: live.atWallMs }
}

export function localMember(state: DashboardState): LiveMemberView | null {
  return state.live?.members.find(({ isLocal }) => isLocal) ?? null
}
