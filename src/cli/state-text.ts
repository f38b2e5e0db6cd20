import type { PeerStatus } from '../core/latency/types.ts'
import type { MemberState } from '../core/membership/types.ts'
import type { MemberView } from '../wire/control.ts'
import type { Style, TextOutput } from './context.ts'

const stateStyles: Readonly<Record<MemberState, Style>> = { joining: 'cyan', alive: 'green', suspect: 'yellow', failed: 'red', left: 'dim' }
const statusStyles: Readonly<Record<PeerStatus, Style>> = { healthy: 'green', degraded: 'yellow', unhealthy: 'red' }

/** A suspect comes with the number of its accusers. */
export function memberStateText({ state, suspectedBy }: Pick<MemberView, 'state' | 'suspectedBy'>, output: TextOutput): string {
  return output.style(stateStyles[state], state === 'suspect' && suspectedBy.length > 0 ? `suspect (by ${suspectedBy.length})` : state)
}

/** Once in a line: which of its figures are pinned is not told by the node. */
export function drillMark(isDrill: boolean): string {
  return isDrill ? ' (drill)' : ''
}

export function statusName(status: PeerStatus): string {
  return `${status.charAt(0).toUpperCase()}${status.slice(1)}`
}

export function statusText(status: PeerStatus, output: TextOutput): string {
  return output.style(statusStyles[status], statusName(status))
}
