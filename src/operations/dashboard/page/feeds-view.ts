/** What happened: events of the mesh, queries with where they went and why, alerts. */
import type { AlertView, QueryRecord } from '../../../wire/operations-views.ts'
import { alertKey, changedWallMs, endedWallMs, EVENTS_MAX, QUERIES_MAX, type ShownEvent, type ShownQuery, standingOf } from './dashboard-state.ts'
import { byId, element, setText } from './elements.ts'
import { FeedList } from './feed-list.ts'
import { formatClock, formatCount, formatMs } from './format.ts'
import type { View } from './store.ts'
import { alertCount, eventTitle, noAlerts, routePhrase, statementTitle, weightOf, WEIGHT_SIGNS } from './summaries.ts'

/** Rates of queries are told elsewhere; nobody reads more lines than this a second. */
const REDRAW_MS = 250

export function createFeedsView(): View {
  const events = new FeedList(byId('events'), { title: 'Nothing has happened', detail: 'Members that come, go or fail are told here as it happens.' })
  const queries = new FeedList(byId('queries'), { title: 'No query yet', detail: 'Each query of a client beside this node is listed here, with where it went and why.' })
  const alerts = new FeedList(byId('alerts'), noAlerts({ kind: 'unknown' }))
  let due: ReturnType<typeof setTimeout> | undefined
  let lastDrawnMs = Number.NEGATIVE_INFINITY
  let latest: readonly ShownQuery[] = []

  function drawQueries(): void {
    due = undefined
    lastDrawnMs = performance.now()
    queries.draw(latest.map(({ key, query }) => ({ key, make: () => queryItem(query) })))
    setText(byId('queries-count'), latest.length === 0 ? '' : latest.length === QUERIES_MAX ? `last ${QUERIES_MAX}` : String(latest.length))
  }

  return (state, before) => {
    if (state.events !== before?.events) {
      events.draw(state.events.map((shown) => ({ key: String(shown.key), make: () => eventItem(shown) })))
      setText(byId('events-count'), state.events.length === 0 ? '' : state.events.length === EVENTS_MAX ? `last ${EVENTS_MAX}` : String(state.events.length))
    }
    if (state.alerts !== before?.alerts) {
      alerts.draw(state.alerts.map((alert) => ({ key: `${alertKey(alert)}\n${alert.state}\n${changedWallMs(alert)}`, make: () => alertItem(alert), refresh: (item) => refreshAlert(item, alert) })))
    }
    const standing = standingOf(state)
    if (before === null || state.alerts !== before.alerts || standing.kind !== standingOf(before).kind) {
      alerts.sayWhenEmpty(noAlerts(standing))
      setText(byId('alerts-count'), alertCount(standing, state.alerts))
    }
    if (state.queries !== before?.queries) {
      latest = state.queries
      // The first of a burst at once.
      due ??= setTimeout(drawQueries, Math.max(0, lastDrawnMs + REDRAW_MS - performance.now()))
    }
  }
}

function time(wallMs: number): HTMLElement {
  return element('time', { datetime: new Date(wallMs).toISOString(), title: new Date(wallMs).toISOString() }, formatClock(wallMs))
}

function eventItem({ event }: ShownEvent): HTMLElement {
  const weight = weightOf(event)
  return element('li', { class: 'entry', 'data-weight': weight },
    element('span', { class: 'sign', 'aria-hidden': 'true' }, WEIGHT_SIGNS[weight]),
    element('div', { class: 'entry-body' },
      element('p', { class: 'entry-title' }, element('strong', {}, eventTitle(event)), time(event.atWallMs)),
      event.reason === '' ? null : element('p', { class: 'entry-detail' }, event.reason)))
}

function alertItem(alert: AlertView): HTMLElement {
  const { rule, subject, severity, state, summary } = alert
  const weight = state === 'resolved' ? 'plain' : severity === 'critical' ? 'bad' : 'warning'
  const word = state === 'resolved' ? 'Resolved' : state === 'pending' ? 'Pending' : severity === 'critical' ? 'Critical' : 'Warning'
  return element('li', { class: 'entry', 'data-weight': weight, 'data-state': state },
    element('span', { class: 'sign', 'aria-hidden': 'true' }, state === 'resolved' ? '✓' : state === 'pending' ? '…' : WEIGHT_SIGNS[weight]),
    element('div', { class: 'entry-body' },
      element('p', { class: 'entry-title' }, element('strong', {}, `${word}: ${rule}${subject === '' ? '' : ` (${subject})`}`), time(changedWallMs(alert))),
      element('p', { class: 'entry-detail' }, summary),
      element('p', { class: 'entry-detail number' }, measuredBy(alert))))
}

/** Its figure moves each second while it stands. */
function refreshAlert(item: HTMLElement, alert: AlertView): void {
  const [, summary, measured] = item.querySelectorAll('p')
  if (summary !== undefined) setText(summary, alert.summary)
  if (measured !== undefined) setText(measured, measuredBy(alert))
}

function measuredBy({ value, threshold, unit }: AlertView): string {
  if (value === null) return ''
  const withUnit = (figure: number): string => [Number(figure.toPrecision(3)), unit === 'percent' ? '%' : unit].join(' ').trim()
  return `${withUnit(value)}${threshold === null ? '' : `, threshold ${withUnit(threshold)}`}`
}

function queryItem(query: QueryRecord): HTMLElement {
  const { outcome, code, database, durationMs, rows, reason, failedAttempts } = query
  const weight = outcome === 'error' ? 'bad' : outcome === 'cancelled' || failedAttempts.length > 0 || query.decision === 'local-overloaded' ? 'warning' : 'good'
  const facts: ReadonlyArray<readonly [string, string]> = [
    ['Statement', query.sql === '' ? 'its text is not kept' : query.sql],
    ['Database', `${database} (${query.access}, ${query.priority} priority)`],
    ['Decision', `${query.decision}${query.strategy === '' ? '' : ` by ${query.strategy}`}${query.decisionUs === null ? '' : ` in ${query.decisionUs.toFixed(0)} µs`}`],
    ['First answer', formatMs(query.firstAnswerMs)], ['In the engine', formatMs(query.engineMs)], ['In all', formatMs(durationMs)],
    ...failedAttempts.map(({ name, code, message }): readonly [string, string] => [`Tried ${name}`, `${code}: ${message}`]),
    ...(query.traceId === null ? [] : [['Trace', query.traceId] as const]),
  ]
  // What is inside is made when it is opened: a hundred entries come and go.
  const details = element('details', {}, element('summary', {},
    element('span', { class: 'sign', 'aria-hidden': 'true' }, outcome === 'ok' ? (query.decision === 'forward' ? '→' : '•') : outcome === 'error' ? '✕' : '–'),
    element('span', { class: 'entry-body' },
      element('span', { class: 'entry-title' }, element('code', {}, statementTitle(query)), time(endedWallMs(query))),
      element('span', { class: 'entry-detail' },
        element('span', { class: 'route' }, outcome === 'ok' ? '' : `${outcome === 'error' ? 'failed' : 'cancelled'}${code === null ? '' : ` (${code})`}, `, `${database} ${routePhrase(query)}`),
        element('span', { class: 'number' }, `${formatMs(durationMs)} · ${formatCount(rows, 'row')}`)),
      reason === '' ? null : element('span', { class: 'entry-detail why' }, reason))))
  details.addEventListener('toggle', () => {
    if (details.open && details.childElementCount === 1) details.append(element('dl', { class: 'facts' }, ...facts.map(([label, value]) => element('div', {}, element('dt', {}, label), element('dd', {}, value)))))
  })
  return element('li', { class: 'entry', 'data-weight': weight }, details)
}
