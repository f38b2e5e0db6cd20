import type { MemberView } from '../wire/control.ts'
import type { TextOutput } from './context.ts'
import { formatAddress, formatAge, formatLatency, formatPercent, shortPeerId } from './format.ts'
import { drillMark, memberStateText } from './state-text.ts'
import { drawTable } from './table.ts'

interface MembersTableOptions {
  readonly wide: boolean
  readonly nowWallMs: number
  readonly output: TextOutput
}

export function membersTable(members: readonly MemberView[], { wide, nowWallMs, output }: MembersTableOptions): string {
  const rows = members.map((member) => {
    const { record, load, latency } = member
    return [
      `${member.name}${member.local ? ' (this node)' : ''}${member.nameConflict ? ' (name taken twice)' : ''}${member.denied ? ' (denied here)' : ''}`,
      wide ? record.peerId : shortPeerId(record.peerId),
      `${memberStateText(member, output)}${drillMark(load?.drill ?? false)}`,
      formatAge(member.stateSinceWallMs, nowWallMs),
      record.tcpMultiaddrs[0] === undefined ? '–' : formatAddress(record.tcpMultiaddrs[0]),
      record.databases.length === 0 ? '–' : record.databases.map(({ name, role }) => (role === 'primary' ? `${name} (primary)` : name)).join(', '),
      member.local ? '–' : formatLatency(latency?.smoothedMs ?? null),
      formatPercent(load?.cpuPercent ?? null),
      formatPercent(load?.memoryPercent ?? null),
    ]
  })
  const table = drawTable([
    { title: 'Name' }, { title: 'PeerId' }, { title: 'State' }, { title: 'Since' }, { title: 'Address' }, { title: 'Databases' },
    { title: 'Latency', align: 'right' }, { title: 'CPU', align: 'right' }, { title: 'Mem', align: 'right' },
  ], rows, output)
  return `${table}${members.length} ${members.length === 1 ? 'member' : 'members'}\n`
}
