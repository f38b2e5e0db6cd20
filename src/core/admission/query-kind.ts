/** Queries that differ in their literals only take alike, so they are of one kind. */

const kindCharactersMax = 256
const literals = /'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b/g
const spaces = /\s+/g

/**
 * A name for queries that take alike: the start of their text without literals. Wrong guesses do no harm but blur the long-term service
 * times; so no parser is asked. Its length, and the work for it, are bounded.
 */
export function queryKind(database: string, sql: string): string {
  const head = sql.slice(0, 2 * kindCharactersMax).replace(literals, '?').replace(spaces, ' ')
  return `${database}:${head.slice(0, kindCharactersMax)}`
}
