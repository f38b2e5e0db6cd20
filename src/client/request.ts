/** The options of a query as a program gives them, checked, since it need not be written in TypeScript, and made a request. */
import type { Priority } from '../core/routing/types.ts'
import { MeshError } from '../errors.ts'
import type { QueryRequest } from '../query/types.ts'
import type { QueryOptions, RouteWishes } from './types.ts'

const timeoutMsDefault = 30_000
/** What a timer can hold: about 24 days. */
const timeoutMsMax = 2 ** 31 - 1
/** The type holds the list complete. */
const wishNames = Object.keys({ localOnly: 0, preferRemote: 0, zone: 0, maxStalenessMs: 0, strategy: 0 } satisfies Record<keyof RouteWishes, 0>)
const priorities: readonly Priority[] = ['critical', 'high', 'normal', 'low']

/** @throws MeshError ERR_OPTION_INVALID */
export function toRequest(sql: string, options: QueryOptions): QueryRequest {
  const timeoutMs = options.timeoutMs ?? timeoutMsDefault
  checkTimeout(timeoutMs)
  const priority = options.priority ?? 'normal'
  if (!priorities.includes(priority)) throw new MeshError('ERR_OPTION_INVALID', `priority is ${JSON.stringify(priority)}; it must be ${priorities.join(', ')}`, { nextStep: 'Leave it out for normal.' })
  if (typeof options.database !== 'string' || options.database === '') throw new MeshError('ERR_OPTION_INVALID', 'no database is named', { nextStep: 'Pass { database } to query().' })
  return {
    database: options.database,
    sql,
    parameters: options.parameters ?? [],
    // The node's engine parses the statement; the client has no parser to tell.
    access: 'unknown',
    priority,
    timeoutMs,
    visited: [],
    explain: options.explain ?? false,
    lastResort: false,
    finalPeerId: '',
    hints: hintText(options),
  }
}

/** The wishes in the words of a hint comment, which the node reads and judges; what would say something else there is refused here. */
function hintText({ route = {}, session }: QueryOptions): string {
  if (typeof route === 'string') return session === undefined ? route : `${route}, session=${session}`
  const unknown = Object.keys(route).filter((name) => !wishNames.includes(name))
  if (unknown.length > 0) throw new MeshError('ERR_OPTION_INVALID', `route has no ${unknown.join(', no ')}; it takes ${wishNames.join(', ')}`, { nextStep: 'Correct the name: a wish that nobody heeds is worse than none.' })
  const { localOnly, preferRemote, zone, maxStalenessMs, strategy } = route
  const words = [
    localOnly === true && 'local-only', preferRemote === true && 'prefer-remote',
    zone !== undefined && `zone=${zone}`, maxStalenessMs !== undefined && `max-staleness=${maxStalenessMs}ms`,
    strategy !== undefined && `strategy=${strategy}`, session !== undefined && `session=${session}`,
  ].filter((word) => word !== false)
  const broken = words.find((word) => word.includes(','))
  if (broken !== undefined) throw new MeshError('ERR_OPTION_INVALID', `${JSON.stringify(broken)} holds a comma, which no zone, strategy or session has`)
  return words.join(', ')
}

/** @throws MeshError ERR_OPTION_INVALID */
export function checkTimeout(timeoutMs: number): void {
  if (!(timeoutMs > 0 && timeoutMs <= timeoutMsMax)) throw new MeshError('ERR_OPTION_INVALID', `timeoutMs is ${timeoutMs}; it must be between 1 and ${timeoutMsMax}`)
}
