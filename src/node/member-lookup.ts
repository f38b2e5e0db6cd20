/** Members as operators name them: by shown name, by PeerId, or by the end of one. */
import { NAME_SUFFIX_CHARACTERS } from '../core/membership/names.ts'
import type { MemberState } from '../core/membership/types.ts'
import { MeshError } from '../errors.ts'
import { nearestName } from './options-suggestion.ts'

/** What shown names end with can be typed; fewer characters fit many. */
const peerIdEndMin = NAME_SUFFIX_CHARACTERS
const namesShownMax = 5

export interface NamedMember {
  readonly peerId: string
  /** As it is shown. */
  readonly name: string
  readonly state: MemberState
}

/** @throws MeshError ERR_MEMBER_UNKNOWN with the nearest name, or with those that the text fits */
export function findMember<T extends NamedMember>(text: string, members: readonly T[]): T {
  const identified = members.find(({ peerId }) => peerId === text)
  if (identified !== undefined) return identified
  const [exact, ...namesakes] = members.filter(({ name }) => name === text)
  if (exact !== undefined && namesakes.length === 0) return exact
  if (exact !== undefined) throw severalCalled(text, [exact, ...namesakes])
  const end = text.replace(/^…/, '')
  const ending = end.length >= peerIdEndMin ? members.filter(({ peerId }) => peerId.endsWith(end)) : []
  const [only, ...others] = ending
  if (only !== undefined && others.length === 0) return only
  if (only !== undefined) throw severalCalled(text, ending)
  const names = members.map(({ name }) => name)
  const near = nearestName(text, names)
  const known = near !== null ? `did you mean ${near}?` : `known are ${names.slice(0, namesShownMax).join(', ')}${names.length > namesShownMax ? ` and ${names.length - namesShownMax} more` : ''}`
  throw new MeshError('ERR_MEMBER_UNKNOWN', `no member is called ${JSON.stringify(text)}, and no PeerId ends so; ${known}`, { details: { member: text, nearest: near } })
}

function severalCalled(text: string, members: readonly NamedMember[]): MeshError {
  const peerIds = members.slice(0, namesShownMax).map(({ peerId, name, state }) => `${peerId} (${name}, ${state})`)
  return new MeshError('ERR_MEMBER_UNKNOWN', `${members.length} members are called ${JSON.stringify(text)}: ${peerIds.join(', ')}${members.length > namesShownMax ? ` and ${members.length - namesShownMax} more` : ''}`, {
    nextStep: 'Give the whole PeerId.', details: { member: text, nearest: null },
  })
}
