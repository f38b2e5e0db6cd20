/** How a member is, as one word, one shape and one colour: colour is never the only sign. */
import type { LiveMemberView } from '../../../wire/operations-views.ts'

export type Condition = 'healthy' | 'degraded' | 'unhealthy' | 'suspect' | 'failed' | 'joining' | 'left'

/** The worst first: as the table sorts them. */
export const CONDITIONS: readonly Condition[] = ['failed', 'unhealthy', 'suspect', 'degraded', 'joining', 'healthy', 'left']

export const CONDITION_WORDS: Readonly<Record<Condition, string>> = {
  healthy: 'Healthy', degraded: 'Degraded', unhealthy: 'Unhealthy', suspect: 'Suspect', failed: 'Failed', joining: 'Joining', left: 'Left',
}

/** SVG paths around 0,0 that reach to ±1, of about the same area. */
export const CONDITION_SHAPES: Readonly<Record<Condition, string>> = {
  healthy: 'M0-.95A.95.95 0 1 1 0 .95 .95.95 0 1 1 0-.95Z',
  degraded: 'M0-1.15 1.12.85H-1.12Z',
  unhealthy: 'M-.9-.9H.9V.9H-.9Z',
  suspect: 'M0-1.25 1.15 0 0 1.25-1.15 0Z',
  failed: 'M-1-.62-.62-1 0-.38.62-1 1-.62.38 0 1 .62.62 1 0 .38-.62 1-1 .62-.38 0Z',
  joining: 'M0-.95A.95.95 0 1 1 0 .95 .95.95 0 1 1 0-.95ZM0-.5A.5.5 0 1 0 0 .5 .5.5 0 1 0 0-.5Z',
  left: 'M-.9-.25H.9V.25H-.9Z',
}

export function conditionOf(member: Pick<LiveMemberView, 'state' | 'status'>): Condition {
  return member.state === 'alive' ? member.status : member.state
}

/** Overload is said instead of what follows from it. */
export function conditionWord(member: Pick<LiveMemberView, 'state' | 'status' | 'overloaded'>): string {
  return member.overloaded && member.state === 'alive' ? 'Overloaded' : CONDITION_WORDS[conditionOf(member)]
}

export function isUp(member: Pick<LiveMemberView, 'state'>): boolean {
  return member.state === 'alive' || member.state === 'suspect'
}
