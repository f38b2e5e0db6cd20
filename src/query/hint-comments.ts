/**
 * Finds the hint comments of a statement: `/*+ rdb: … *\/` before its first word, or right after it, as other databases have theirs. What only looks
 * like one, in a string, a quoted name or another comment, is none; one that stands elsewhere is found too, so that nobody waits for what it asks.
 *
 * The lexical rules are those that PostgreSQL and DuckDB share: nested comments, doubled quotes, E'…' with backslashes, $tag$ … $tag$. Before the
 * first word there are no strings, so text in one can never become a hint, by whatever other rules a server may go.
 */
export interface HintComments {
  /** What stands behind `rdb:`, in order. */
  readonly texts: readonly string[]
  /** Index of the first that stands elsewhere; null: there is none. */
  readonly strayAt: number | null
}

const NONE: HintComments = Object.freeze({ texts: [], strayAt: null })

const anywhere = /\/\*\+\s*rdb:/
const opening = /\/\*\+\s*rdb:/y
const commentEdge = /\/\*|\*\//g
const space = /\s+/y
const lineEnd = /[\n\r]/g
const name = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y
const dollarQuote = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y

/** Time and memory are linear in the statement's length. */
export function findHintComments(sql: string): HintComments {
  // Nearly every statement has none, and shall not pay for those that have.
  if (!sql.includes('/*+') || !anywhere.test(sql)) return NONE
  const texts: string[] = []
  let tokens = 0
  let isBehindFirstWord = false
  for (let at = 0; at < sql.length;) {
    const next = skipSpace(sql, at)
    if (next > at) {
      at = next
      continue
    }
    if (sql.startsWith('/*', at)) {
      const end = endOfComment(sql, at)
      // Not closed: the engine will say so.
      if (end === null) break
      const textAt = endOf(opening, sql, at)
      if (textAt !== null && tokens > 0 && !isBehindFirstWord) return { texts, strayAt: at }
      if (textAt !== null) texts.push(sql.slice(textAt, end - 2))
      at = end
      continue
    }
    const nameEnd = endOf(name, sql, at)
    isBehindFirstWord = tokens === 0 && nameEnd !== null
    tokens++
    at = nameEnd === null ? endOfToken(sql, at) : isEscapePrefix(sql, at, nameEnd) ? endOfEscaped(sql, nameEnd + 1) : nameEnd
  }
  return { texts, strayAt: null }
}

/** Behind white space, or behind a comment to the end of the line. */
function skipSpace(sql: string, at: number): number {
  if (!sql.startsWith('--', at)) return endOf(space, sql, at) ?? at
  lineEnd.lastIndex = at
  return lineEnd.exec(sql)?.index ?? sql.length
}

/** Behind the comment that begins there; null when it is not closed. */
function endOfComment(sql: string, at: number): number | null {
  commentEdge.lastIndex = at + 2
  for (let depth = 1; depth > 0;) {
    const edge = commentEdge.exec(sql)
    if (edge === null) return null
    depth += edge[0] === '/*' ? 1 : -1
  }
  return commentEdge.lastIndex
}

/** Behind a string, a quoted name or one other character. What is not closed takes the rest. */
function endOfToken(sql: string, at: number): number {
  const first = sql.charAt(at)
  // A doubled quote ends one string and begins the next, which comes to the same.
  if (first === '\'' || first === '"') return behind(sql, first, at + 1)
  const body = first === '$' ? endOf(dollarQuote, sql, at) : null
  return body === null ? at + 1 : behind(sql, sql.slice(at, body), body)
}

function isEscapePrefix(sql: string, at: number, end: number): boolean {
  return end === at + 1 && (sql[at] === 'e' || sql[at] === 'E') && sql[end] === '\''
}

/** Of E'…', from behind its first quote. */
function endOfEscaped(sql: string, from: number): number {
  for (let at = from; at < sql.length; at++) {
    if (sql[at] === '\\') at++
    else if (sql[at] === '\'') {
      if (sql[at + 1] !== '\'') return at + 1
      at++
    }
  }
  return sql.length
}

function behind(sql: string, text: string, from: number): number {
  const at = sql.indexOf(text, from)
  return at < 0 ? sql.length : at + text.length
}

function endOf(pattern: RegExp, sql: string, at: number): number | null {
  pattern.lastIndex = at
  return pattern.test(sql) ? pattern.lastIndex : null
}
