/** Says aloud what a reader who cannot see the page has to know, and no more: whether it is live, whole, and whether an alert fires. */
import type { DashboardState } from './dashboard-state.ts'

/** What there is to say of a change; empty when nothing. */
export function announcement(state: DashboardState, before: DashboardState | null): string {
  const parts: string[] = []
  const [phase, was] = [state.connection.phase, before?.connection.phase]
  if (phase === 'live' && was !== 'live') parts.push((before?.live ?? null) === null ? 'Connected.' : 'Connected again.')
  if (phase === 'waiting' && was === 'connecting' && before?.connection.phase === 'connecting' && before.connection.attempt === 0) parts.push('Not connected; trying again.')
  if (phase === 'waiting' && was === 'live') parts.push('Connection lost; trying again.')
  if (phase === 'signed-out' && was !== 'signed-out') parts.push('The node asks for a token.')
  if (state.live !== null && before !== null && before.live !== null) {
    if (state.live.hasQuorum !== before.live.hasQuorum) parts.push(state.live.hasQuorum ? 'Quorum regained.' : 'Quorum lost.')
    if ((state.live.partition === null) !== (before.live.partition === null)) parts.push(state.live.partition === null ? 'The partition is over.' : 'The mesh is partitioned.')
  }
  if (state.alerts !== before?.alerts) {
    const firedBefore = new Set(firing(before))
    const fired = firing(state)
    const fresh = fired.filter((alert) => !firedBefore.has(alert))
    const isOver = [...firedBefore].filter((alert) => !fired.includes(alert))
    if (fresh.length > 0) parts.push(`Alert: ${named(fresh)}.`)
    if (isOver.length > 0) parts.push(`No longer firing: ${named(isOver)}.`)
  }
  return parts.join(' ')
}

function firing(state: DashboardState | null): string[] {
  return (state?.alerts ?? []).filter((alert) => alert.state === 'firing').map(({ rule, subject }) => (subject === '' ? rule : `${rule} of ${subject}`))
}

function named(alerts: readonly string[]): string {
  return alerts.length <= 3 ? alerts.join(', ') : `${alerts.slice(0, 3).join(', ')} and ${alerts.length - 3} more`
}
