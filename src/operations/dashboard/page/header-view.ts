/** The head of the page: whose view it is, whether it is whole and live, and what has to be known at once. */
import { overviewOf, quorumPill } from './summaries.ts'
import { type Connection, type DashboardState, localMember, type Standing, standingOf } from './dashboard-state.ts'
import { byId, element, setAttribute, setText } from './elements.ts'
import { formatClock, formatCount, formatMs, formatPercent, formatPlace, formatRate, formatShare, shortPeerId, UNKNOWN } from './format.ts'
import type { View } from './store.ts'

/** Shown in parts: what is read first is larger. */
interface Figure {
  readonly label: string
  readonly value: string
  readonly detail: string
  readonly weight: 'plain' | 'warning' | 'bad'
}

export function createHeaderView({ retryNow }: { readonly retryNow: () => void }): View {
  const figures = new Map<string, { readonly cell: HTMLElement; readonly value: HTMLElement; readonly detail: HTMLElement }>()
  let countdown: ReturnType<typeof setInterval> | undefined
  return (state, before) => {
    const standing = standingOf(state)
    const isOther = state.live !== before?.live || standing.kind !== standingOf(before).kind
    if (isOther) {
      setAttribute(document.body, 'data-standing', standing.kind)
      drawNode(state, standing)
      for (const figure of figuresOf(state)) drawFigure(figures, asOf(figure, standing))
    }
    if (isOther || state.alerts !== before.alerts) drawPills(state, standing)
    if (state.connection !== before?.connection || state.live?.partition !== before?.live?.partition || state.live?.hasQuorum !== before?.live?.hasQuorum || state.alerts !== before?.alerts) {
      setAttribute(document.body, 'data-connection', state.connection.phase)
      clearInterval(countdown)
      drawConnection(state)
      drawNotices(state, retryNow)
      if (state.connection.phase === 'waiting') countdown = setInterval(() => drawCountdown(state.connection), 1000)
    }
  }
}

function drawNode(state: DashboardState, standing: Standing): void {
  const member = localMember(state)
  if (state.live === null || member === null) return
  setText(byId('node-name'), member.name)
  setText(byId('node-detail'), [shortPeerId(member.peerId), formatPlace(member.place), `${member.databases.length === 0 ? 'no database' : member.databases.map(({ name, role }) => `${name} (${role})`).join(', ')}`].filter((part) => part !== UNKNOWN).join(' · '))
  document.title = `${standing.kind === 'old' ? '(not connected) ' : ''}${member.name} – ReedBase Mesh`
}

function figuresOf({ live, alerts }: DashboardState): Figure[] {
  if (live === null) return ['Nodes up', 'Median round trip', 'Queries', 'Forwarded', 'Failed', 'CPU here', 'Alerts'].map((label) => ({ label, value: '–', detail: ' ', weight: 'plain' }))
  const { up, known, medianMs, farthestMs, attention } = overviewOf(live)
  const { queriesPerSecond, forwardedPerSecond, failedPerSecond } = live.rates
  const local = live.members.find(({ isLocal }) => isLocal)
  const firing = alerts.filter(({ state }) => state === 'firing').length
  return [
    { label: 'Nodes up', value: `${up} / ${known}`, detail: attention === 0 ? 'all healthy' : `${attention} ${attention === 1 ? 'needs' : 'need'} a look`, weight: up < known ? 'bad' : attention > 0 ? 'warning' : 'plain' },
    { label: 'Median round trip', value: formatMs(medianMs), detail: medianMs === null ? 'no peer measured' : `farthest ${formatMs(farthestMs)}`, weight: 'plain' },
    { label: 'Queries', value: `${formatRate(queriesPerSecond)} /s`, detail: 'from clients here', weight: 'plain' },
    { label: 'Forwarded', value: formatPercent(queriesPerSecond === 0 ? 0 : (forwardedPerSecond / queriesPerSecond) * 100), detail: `${formatRate(forwardedPerSecond)} /s`, weight: 'plain' },
    { label: 'Failed', value: `${formatRate(failedPerSecond)} /s`, detail: failedPerSecond === 0 ? 'none in 10 s' : `${formatShare(failedPerSecond / Math.max(queriesPerSecond, failedPerSecond))} of queries`, weight: failedPerSecond > 0 ? 'warning' : 'plain' },
    { label: 'CPU here', value: formatPercent(local?.cpuPercent ?? null), detail: `memory ${formatPercent(local?.memoryPercent ?? null)}`, weight: local?.overloaded === true ? 'bad' : 'plain' },
    { label: 'Alerts', value: String(firing), detail: firing === 0 ? 'none fires' : 'firing', weight: firing > 0 ? 'bad' : 'plain' },
  ]
}

/** What was so says when, and no more that all is well, or not. */
function asOf(figure: Figure, standing: Standing): Figure {
  return standing.kind === 'old' ? { ...figure, detail: `at ${formatClock(standing.atWallMs)}`, weight: 'plain' } : figure
}

function drawFigure(figures: Map<string, { readonly cell: HTMLElement; readonly value: HTMLElement; readonly detail: HTMLElement }>, { label, value, detail, weight }: Figure): void {
  let shown = figures.get(label)
  if (shown === undefined) {
    shown = { cell: element('div', { class: 'figure' }), value: element('dd', { class: 'figure-value' }), detail: element('dd', { class: 'figure-detail' }) }
    shown.cell.append(element('dt', {}, label), shown.value, shown.detail)
    byId('overview').append(shown.cell)
    figures.set(label, shown)
  }
  setText(shown.value, value)
  setText(shown.detail, detail)
  setAttribute(shown.cell, 'data-weight', weight)
}

function pill(id: string, weight: string, text: string | null): void {
  const target = byId(id)
  target.hidden = text === null
  if (text === null) return
  setText(target, text)
  setAttribute(target, 'data-weight', weight)
}

function drawPills({ live, alerts }: DashboardState, standing: Standing): void {
  if (live === null) return
  const isOld = standing.kind === 'old'
  const quorum = quorumPill(live, standing)
  pill('pill-quorum', quorum.weight, quorum.text)
  pill('pill-partition', isOld ? 'plain' : 'bad', live.partition === null ? null : `Partition: ${live.partition.away} away`)
  const firing = alerts.filter(({ state }) => state === 'firing')
  pill('pill-alerts', isOld ? 'plain' : firing.some(({ severity }) => severity === 'critical') ? 'bad' : 'warning', firing.length === 0 ? null : formatCount(firing.length, 'alert'))
}

function drawConnection({ connection }: DashboardState): void {
  switch (connection.phase) {
    case 'live': return pill('pill-connection', 'good', 'Live')
    case 'connecting': return pill('pill-connection', 'plain', connection.attempt === 0 ? 'Connecting' : 'Reconnecting')
    case 'waiting': return pill('pill-connection', 'bad', 'Disconnected')
    case 'signed-out': return pill('pill-connection', 'warning', 'Signed out')
  }
}

function drawNotices(state: DashboardState, retryNow: () => void): void {
  const notices: HTMLElement[] = []
  const { connection, live } = state
  if (connection.phase === 'waiting' || (connection.phase === 'connecting' && connection.attempt > 0)) {
    const retry = element('button', { type: 'button' }, 'Try now')
    retry.addEventListener('click', retryNow)
    retry.disabled = connection.phase !== 'waiting'
    notices.push(element('div', { class: 'notice', 'data-weight': 'bad' },
      element('p', {}, element('strong', {}, 'Not connected. '), connection.phase === 'waiting' ? `${connection.problem} ` : '', live === null ? 'Nothing is shown yet. ' : `Shown is what was known at ${formatClock(live.atWallMs)}. `, element('span', { id: 'countdown' })), retry))
  }
  if (live !== null && !live.hasQuorum) notices.push(notice('bad', 'No quorum. ', 'This node reaches too few of the members that it knows; its minority policy decides which queries it still serves.'))
  if (live !== null && live.partition !== null) notices.push(notice('warning', 'Partition. ', `${formatCount(live.partition.away, 'member')} went away together; ${formatCount(live.partition.reachable, 'member')} ${live.partition.reachable === 1 ? 'is' : 'are'} on this side, this node included.`))
  for (const { rule, subject, summary } of state.alerts.filter(({ state, severity }) => state === 'firing' && severity === 'critical').slice(0, 3)) {
    notices.push(notice('bad', `${rule}${subject === '' ? '' : ` (${subject})`}. `, summary))
  }
  byId('notices').replaceChildren(...notices)
  drawCountdown(connection)
}

function notice(weight: 'bad' | 'warning', title: string, text: string): HTMLElement {
  return element('div', { class: 'notice', 'data-weight': weight }, element('p', {}, element('strong', {}, title), text))
}

function drawCountdown(connection: Connection): void {
  const target = document.getElementById('countdown')
  if (target === null) return
  if (connection.phase !== 'waiting') return setText(target, 'Trying again …')
  const seconds = Math.ceil((connection.retryAtMs - Date.now()) / 1000)
  setText(target, seconds <= 0 ? 'Trying again …' : `Next attempt in ${seconds} s.`)
}
