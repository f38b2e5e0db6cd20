/** Which members the table shows, and in which order. */
import type { LiveMemberView } from '../../../wire/operations-views.ts'
import { CONDITIONS, CONDITION_WORDS, conditionOf } from './condition.ts'

export type Column = 'name' | 'condition' | 'latencyMs' | 'cpuPercent' | 'memoryPercent' | 'inFlight' | 'place'

export interface Order {
  readonly column: Column
  readonly isDescending: boolean
}

/** Those without a value come last, whatever the order; this node comes first until the reader asks for an order. */
export function orderedMembers(members: readonly LiveMemberView[], order: Order | null, filter: string): LiveMemberView[] {
  const words = filter.toLowerCase().split(/\s+/).filter((word) => word !== '')
  const shown = words.length === 0 ? [...members] : members.filter((member) => {
    const text = textOf(member)
    return words.every((word) => text.includes(word))
  })
  if (order === null) return shown.sort((one, other) => Number(other.isLocal) - Number(one.isLocal) || compareNames(one, other))
  const direction = order.isDescending ? -1 : 1
  return shown.sort((one, other) => {
    const [left, right] = [valueOf(one, order.column), valueOf(other, order.column)]
    if (left === null || right === null) return Number(left === null) - Number(right === null) || compareNames(one, other)
    const compared = typeof left === 'number' && typeof right === 'number' ? left - right : collator.compare(String(left), String(right))
    return compared * direction || compareNames(one, other)
  })
}

/** node-2 before node-10. */
const collator = new Intl.Collator('en', { numeric: true })

function compareNames(one: LiveMemberView, other: LiveMemberView): number {
  return collator.compare(one.name, other.name)
}

function valueOf(member: LiveMemberView, column: Column): string | number | null {
  if (column === 'condition') return CONDITIONS.indexOf(conditionOf(member))
  // The way to itself is the shortest.
  if (column === 'latencyMs' && member.isLocal) return 0
  return member[column]
}

function textOf(member: LiveMemberView): string {
  const { name, peerId, place, databases, overloaded } = member
  return [name, peerId, place, CONDITION_WORDS[conditionOf(member)], overloaded ? 'overloaded' : '', ...databases.flatMap((database) => [database.name, database.role])].join(' ').toLowerCase()
}
