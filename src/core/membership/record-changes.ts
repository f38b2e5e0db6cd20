/** Says in a few words what a newer record changed, for the reason of an event. */
import type { MemberRecord } from './types.ts'

/** Each value is cut here: records come from peers, and reasons go to logs and terminals. */
const VALUE_CHARACTERS_MAX = 80

function quote(value: string): string {
  const printable = value.replace(/[^\x20-\x7e\u00a0-\u024f]/g, '?')
  return printable.length > VALUE_CHARACTERS_MAX ? `${printable.slice(0, VALUE_CHARACTERS_MAX)}…` : printable
}

function databases(record: MemberRecord): string {
  return record.databases.map((database) => `${database.name} (${database.role}, ${database.engine})`).join(', ') || 'none'
}

const ASPECTS: ReadonlyArray<readonly [string, (record: MemberRecord) => string]> = [
  ['name', (record) => record.name],
  ['TCP', (record) => record.tcpMultiaddrs.join(', ')],
  ['UDP', (record) => `${record.udpHost}:${record.udpPort}`],
  ['databases', databases],
  ['datacenter', (record) => record.datacenter],
  ['rack', (record) => record.rack],
  ['capacity', (record) => String(record.capacity)],
  ['software', (record) => record.softwareVersion],
  ['wire version', (record) => String(record.wireVersion)],
]

/** "restarted; name old → new", or "" when only the incarnation rose. */
export function describeChanges(before: MemberRecord, after: MemberRecord): string {
  const changes = ASPECTS.flatMap(([aspect, valueOf]) => {
    const [was, is] = [valueOf(before), valueOf(after)]
    return was === is ? [] : [`${aspect} ${quote(was)} → ${quote(is)}`]
  })
  if (after.datagramEpoch !== before.datagramEpoch) changes.unshift('restarted')
  return changes.join('; ')
}
