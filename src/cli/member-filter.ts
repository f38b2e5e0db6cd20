/** `--state`, `--zone` and `--database`: which members a command shows. */
import { Option, type Command } from 'commander'
import type { MemberState } from '../core/membership/types.ts'
import { MeshError } from '../errors.ts'
import { didYouMean } from '../node/options-suggestion.ts'
import { type EventView, isMemberEvent, type MemberEventView, type MemberRecordView } from '../wire/control.ts'

const states: readonly MemberState[] = ['joining', 'alive', 'suspect', 'failed', 'left']

export interface FilterFlags {
  readonly state?: readonly MemberState[]
  readonly zone?: readonly string[]
  readonly database?: readonly string[]
}

export function addFilterOptions(command: Command): Command {
  return command
    .addOption(new Option('--state <states>', `only members in these states, with commas between them: ${states.join(', ')}`).argParser(collectStates))
    .addOption(new Option('--zone <zones>', 'only members in these zones: a datacenter, or datacenter/rack').argParser(collectZones))
    .addOption(new Option('--database <names>', 'only members that serve one of these databases').argParser((text, previous: readonly string[] | undefined) => [...(previous ?? []), ...items('--database', text)]))
}

function collectStates(text: string, previous: readonly MemberState[] | undefined): MemberState[] {
  return [...(previous ?? []), ...items('--state', text).map((item) => {
    const state = states.find((known) => known === item)
    if (state === undefined) throw new MeshError('ERR_OPTION_INVALID', `--state is ${JSON.stringify(item)}; it takes ${states.join(', ')}${didYouMean(item, states)}`)
    return state
  })]
}

function collectZones(text: string, previous: readonly string[] | undefined): string[] {
  const zones = items('--zone', text)
  const wrong = zones.find((zone) => !/^[^/]+(?:\/[^/]+)?$/.test(zone))
  if (wrong !== undefined) throw new MeshError('ERR_OPTION_INVALID', `--zone is ${JSON.stringify(wrong)}; it takes a datacenter, or datacenter/rack`)
  return [...(previous ?? []), ...zones]
}

function items(flag: string, text: string): string[] {
  const list = text.split(',').map((item) => item.trim())
  if (list.includes('')) throw new MeshError('ERR_OPTION_INVALID', `${flag} is ${JSON.stringify(text)}; it takes one or more words with commas between them`)
  return list
}

function isFiltered({ state, zone, database }: FilterFlags): boolean {
  return state !== undefined || zone !== undefined || database !== undefined
}

/** `state` null: it does not say. */
function matches({ state: wanted, zone, database }: FilterFlags, state: MemberState | null, { datacenter, rack, databases }: MemberRecordView): boolean {
  return (wanted === undefined || (state !== null && wanted.includes(state)))
    && (zone === undefined || zone.includes(datacenter) || zone.includes(`${datacenter}/${rack}`))
    && (database === undefined || databases.some(({ name }) => database.includes(name)))
}

export function matchesMember(flags: FilterFlags, member: { readonly state: MemberState; readonly record: MemberRecordView }): boolean {
  return matches(flags, member.state, member.record)
}

/** A filter asks for certain members, so what concerns none of them in particular passes only without one. */
export function matchesEvent(flags: FilterFlags, event: EventView): boolean {
  if (!isMemberEvent(event)) return !isFiltered(flags)
  return matches(flags, stateAfter(event), event.record)
}

/** Null for events that leave the state as it was. */
function stateAfter({ type }: MemberEventView): MemberState | null {
  switch (type) {
    case 'member-returning':
    case 'member-failed': return 'failed'
    case 'member-left': return 'left'
    case 'member-suspected': return 'suspect'
    case 'member-joined':
    case 'member-updated':
    case 'member-refuted': return 'alive'
    case 'member-flapping':
    case 'member-settled':
    case 'path-degraded':
    case 'path-restored': return null
  }
}
