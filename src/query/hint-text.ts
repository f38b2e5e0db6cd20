/**
 * What a query asks of its route, as text: in a comment at the beginning of its statement or right after its first word, where any client can put
 * it, and the same words in the request, where the client library puts its options.
 *
 *     /*+ rdb: zone=eu-west/r1, max-staleness=5s, strategy=peak-ewma *\/ SELECT …
 *     SELECT /*+ rdb: local-only *\/ …
 *
 * A word that is not known, and a hint that stands elsewhere, is an error, not a comment: a hint that nobody heeds is worse than none.
 */
import { NO_HINTS, type RouteHints } from '../core/routing/hints.ts'
import { readDuration } from '../core/options/quantity.ts'
import type { Priority } from '../core/routing/types.ts'
import { MeshError } from '../errors.ts'
import { findHintComments } from './hint-comments.ts'

export interface QueryHints {
  readonly route: RouteHints
  /** Null: the request's own. */
  readonly priority: Priority | null
  /** A name that the client chose for what belongs together; null for none. */
  readonly session: string | null
}

export const HINT_TEXT_CHARACTERS_MAX = 1_024
/** Of a session's name. */
export const SESSION_CHARACTERS_MAX = 128

export const NO_QUERY_HINTS: QueryHints = Object.freeze({ route: NO_HINTS, priority: null, session: null })

const priorities: readonly string[] = ['critical', 'high', 'normal', 'low']
const words = 'local-only, prefer-remote, zone=…, max-staleness=…, strategy=…, priority=…, session=…'

/**
 * Of a statement's comments, the later before the earlier, and of the request's words, which win over both. What one text says must not contradict
 * itself.
 * @throws MeshError ERR_OPTION_INVALID
 */
export function readHints(sql: string, requestText: string): QueryHints {
  const { texts, strayAt } = findHintComments(sql)
  if (strayAt !== null) {
    throw new MeshError('ERR_OPTION_INVALID', `a hint stands in the middle of the statement, at character ${strayAt + 1}, where none is read`, {
      nextStep: 'Put /*+ rdb: … */ at the beginning of the statement, or right after its first word: SELECT /*+ rdb: … */ ….', details: { started: 'no', position: strayAt },
    })
  }
  if (texts.length === 0 && requestText === '') return NO_QUERY_HINTS
  return [...texts, requestText].reduce((hints, text) => parseWords(text, hints), NO_QUERY_HINTS)
}

/**
 * For a statement that runs where its transaction does, whatever it would ask.
 * @throws MeshError ERR_OPTION_INVALID
 */
export function refuseHints(sql: string): void {
  const { texts, strayAt } = findHintComments(sql)
  if (texts.length === 0 && strayAt === null) return
  throw new MeshError('ERR_OPTION_INVALID', 'a statement of a transaction has a hint, and runs where the transaction began', { nextStep: 'Give it to the begin: route, priority or session among the options of transaction(), or --route.', details: { started: 'no' } })
}

function parseWords(text: string, base: QueryHints): QueryHints {
  if (text.length > HINT_TEXT_CHARACTERS_MAX) throw invalid(`the hints take ${text.length} characters; at most ${HINT_TEXT_CHARACTERS_MAX} are read`)
  const route = { ...base.route }
  let { priority, session } = base
  const said = new Map<string, string | null>()
  for (const part of text.split(',')) {
    const word = part.trim()
    if (word === '') continue
    const equals = word.indexOf('=')
    const name = equals < 0 ? word : word.slice(0, equals).trimEnd()
    const value = equals < 0 ? null : word.slice(equals + 1).trimStart()
    if ((said.get(name) ?? value) !== value) throw invalid(`the hints contradict each other: ${name} is both ${said.get(name)} and ${value}`)
    said.set(name, value)
    switch (name) {
      case 'local-only':
        refuseValue(name, value)
        route.localOnly = true
        route.preferRemote = false
        break
      case 'prefer-remote':
        refuseValue(name, value)
        route.preferRemote = true
        route.localOnly = false
        break
      case 'zone': route.zone = demandValue(name, value, /^[\w.-]+(\/[\w.-]+)?$/, 'a datacenter, or a datacenter and a rack as eu-west/r1'); break
      case 'strategy': route.strategy = demandValue(name, value, /^[\w-]+$/, 'the name of a strategy'); break
      case 'max-staleness': {
        const maxStalenessMs = readDuration(value)
        if (maxStalenessMs === null) throw invalid('the hint max-staleness takes a duration with its unit (ms, s, m, h)')
        route.maxStalenessMs = maxStalenessMs
        break
      }
      case 'priority':
        if (value === null || !priorities.includes(value)) throw invalid(`the hint priority takes one of ${priorities.join(', ')}`)
        priority = value as Priority
        break
      case 'session':
        session = demandValue(name, value, /^[\w.:@/-]+$/, 'letters, digits and . : @ / _ -')
        if (session.length > SESSION_CHARACTERS_MAX) throw invalid(`a session's name has at most ${SESSION_CHARACTERS_MAX} characters`)
        break
      default:
        throw invalid(`"${name.slice(0, 40)}" is no hint`)
    }
  }
  if (said.has('local-only') && said.has('prefer-remote')) throw invalid('the hints contradict each other: local-only keeps the query here, prefer-remote sends it away')
  return { route, priority, session }
}

function refuseValue(name: string, value: string | null): void {
  if (value !== null) throw invalid(`the hint ${name} takes no value`)
}

function demandValue(name: string, value: string | null, pattern: RegExp, form: string): string {
  if (value === null || !pattern.test(value)) throw invalid(`the hint ${name} takes ${form}`)
  return value
}

function invalid(message: string): MeshError {
  return new MeshError('ERR_OPTION_INVALID', message, { nextStep: `Hints are ${words}, separated by commas.`, details: { started: 'no' } })
}
