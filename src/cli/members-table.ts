import type { PathFinding } from '../core/membership/types.ts'
import type { MemberView } from '../wire/control.ts'
import type { TextOutput } from './context.ts'
import { drawFittedTable, type FittedColumn } from './fitted-table.ts'
import { formatAddress, formatAge, formatLatency, formatPercent, formatTime } from './format.ts'
import { drillMark, memberStateText } from './state-text.ts'

interface MembersTableOptions {
  readonly wide: boolean
  readonly nowWallMs: number
  readonly output: TextOutput
}

interface MemberColumn extends FittedColumn {
  /** Left out where no row has anything to say. */
  readonly isNews?: (member: MemberView) => boolean
  readonly text: (member: MemberView) => string
}

/** Columns for zones and notes appear only where there are some. */
export function membersTable(members: readonly MemberView[], { wide, nowWallMs, output }: MembersTableOptions): string {
  const columns: readonly MemberColumn[] = [
    { title: 'Name', text: ({ name, local }) => `${name}${local ? ' (this node)' : ''}` },
    { title: 'PeerId', need: 9, isNews: () => wide, text: ({ record }) => record.peerId },
    { title: 'State', text: (member) => `${memberStateText(member, output)}${drillMark(member.load?.drill ?? false)}` },
    { title: 'Since', need: 2, text: ({ stateSinceWallMs }) => formatAge(stateSinceWallMs, nowWallMs) },
    { title: 'Zone', need: 3, isNews: ({ record }) => wide || zoneOf(record) !== 'default/default', text: ({ record }) => zoneOf(record) },
    { title: 'Address', need: 1, text: ({ record }) => (record.tcpMultiaddrs[0] === undefined ? '–' : formatAddress(record.tcpMultiaddrs[0])) },
    { title: 'RTT', align: 'right', need: 6, text: ({ local, latency }) => (local ? '–' : formatLatency(latency?.smoothedMs ?? null)) },
    { title: 'Databases', need: 5, text: ({ record }) => (record.databases.length === 0 ? '–' : record.databases.map(({ name, role }) => (role === 'primary' ? `${name} (primary)` : name)).join(', ')) },
    { title: 'CPU', align: 'right', need: 4, text: ({ load }) => formatPercent(load?.cpuPercent ?? null) },
    { title: 'Mem', align: 'right', need: 4, text: ({ load }) => formatPercent(load?.memoryPercent ?? null) },
    { title: 'Notes', isNews: (member) => notes(member).length > 0, text: (member) => output.style('yellow', notes(member).join('; ')) },
  ]
  const shown = columns.filter(({ isNews }) => isNews === undefined || members.some(isNews))
  const table = drawFittedTable(shown, members.map((member) => shown.map(({ text }) => text(member))), output)
  return `${table}${members.length} ${members.length === 1 ? 'member' : 'members'}\n`
}

function zoneOf({ datacenter, rack }: MemberView['record']): string {
  return `${datacenter}/${rack}`
}

const pathNotes: Readonly<Record<PathFinding, string | null>> = {
  'unknown': null, 'direct': null, 'inbound-only': 'does not hear this node', 'indirect-only': 'reached by others only', 'stream-only': 'no UDP', 'none': 'no path',
}

function notes({ nameConflict, denied, flapping, probationUntilWallMs, removedBy, path, state }: MemberView): string[] {
  const isUp = state === 'alive' || state === 'suspect'
  return [
    nameConflict ? 'name taken twice' : null,
    denied ? 'denied here' : null,
    flapping ? 'flapping' : null,
    probationUntilWallMs === null ? null : `returning, taken back at ${formatTime(probationUntilWallMs).slice(0, 8)}`,
    removedBy === null ? null : `removed at ${removedBy}`,
    isUp && path !== null ? pathNotes[path] : null,
  ].filter((note) => note !== null)
}
