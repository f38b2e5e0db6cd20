/** Members as operators name them: by shown name, by PeerId, or by the end of one. */
import type { MemberState } from '../core/membership/types.ts'
import { MeshError } from '../errors.ts'
import { nearestName } from './options-suggestion.ts'

/** As many characters of a PeerId's end as tables show. */
const peerIdEndMin = 8
const namesShownMax = 5

export interface NamedMember {
  readonly peerId: string
  /** As it is shown. */
  readonly name: string
  readonly state: MemberState
}

/** @throws MeshError ERR_MEMBER_UNKNOWN with the nearest name, or with those that the text fits */
export function findMember<T extends NamedMember>(text: string, members: readonly T[]): T {
  const exact = members.find(({ peerId, name }) => peerId === text || name === text)
  if (exact !== undefined) return exact
  const end = text.replace(/^…/, '')
  const ending = end.length >= peerIdEndMin ? members.filter(({ peerId }) => peerId.endsWith(end)) : []
  const [only, other] = ending
  if (only !== undefined && other === undefined) return only
  const names = members.map(({ name }) => name)
  const near = nearestName(text, names)
  const known = near !== null ? `did you mean ${near}?` : `known are ${names.slice(0, namesShownMax).join(', ')}${names.length > namesShownMax ? ` and ${names.length - namesShownMax} more` : ''}`
  throw new MeshError('ERR_MEMBER_UNKNOWN', `no member is called ${JSON.stringify(text)}, or more than one PeerId ends so; ${known}`, { details: { member: text, nearest: near } })
}
