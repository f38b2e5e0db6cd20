/** What becomes of the queries of a node that is overloaded, in words for its log, its health and `rdb doctor`. */
import type { MemberView } from '../wire/control.ts'

/**
 * `members`: this node among them. `database`: for the queries of which it is overloaded; null: for all.
 * Null where nothing can be said: it serves none, so that all of them leave anyway.
 */
export function overloadConsequence(members: readonly MemberView[], database: string | null = null): string | null {
  const served = new Set(members.filter(({ local }) => local).flatMap(({ record }) => record.databases.map(({ name }) => name)).filter((name) => database === null || name === database))
  if (served.size === 0) return null
  // A far, suspect or loaded copy would be no improvement, and is given nothing.
  const isRelieved = members.some(({ local, denied, state, status, record }) => !local && !denied && state === 'alive' && status === 'healthy' && record.databases.some(({ name }) => served.has(name)))
  return isRelieved ? 'a share of its reads goes to peers' : 'its queries stay, since no peer can take them'
}
