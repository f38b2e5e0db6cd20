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
const whiteSpace = /\s/

const code = { tab: 9, newline: 10, carriageReturn: 13, space: 32, doubleQuote: 34, dollar: 36, quote: 39, star: 42, plus: 43, dash: 45, slash: 47, backslash: 92, underscore: 95 } as const
const asciiEnd = 128

/** Time and memory are linear in the statement's length; by characters, since a pattern tried at each word took 0.1 s for a statement that fills a frame. */
export function findHintComments(sql: string): HintComments {
  // Nearly every statement has none, and shall not pay for those that have.
  if (!sql.includes('/*+') || !anywhere.test(sql)) return NONE
  const texts: string[] = []
  let tokens = 0
  for (let at = 0; at < sql.length;) {
    const next = skipSpace(sql, at)
    if (next > at) {
      at = next
      continue
    }
    if (isComment(sql, at)) {
      const end = endOfComment(sql, at)
      // Not closed: the engine will say so.
      if (end === null) break
      const textAt = textOfHint(sql, at)
      if (textAt !== null) texts.push(sql.slice(textAt, end - 2))
      at = end
      continue
    }
    // The first word; whatever comes behind it, none is read any more.
    if (tokens++ > 0 || !isNameStart(sql.charCodeAt(at))) return { texts, strayAt: findStray(sql, at) }
    at = endOfWord(sql, at)
  }
  return { texts, strayAt: null }
}

/** The first hint from there on, outside of strings, quoted names and other comments. */
function findStray(sql: string, from: number): number | null {
  for (let at = from; at < sql.length;) {
    const first = sql.charCodeAt(at)
    if (isNameStart(first)) at = endOfWord(sql, at)
    else if (first === code.quote) at = behind(sql, '\'', at + 1)
    // A doubled quote ends one string and begins the next, which comes to the same.
    else if (first === code.doubleQuote) at = behind(sql, '"', at + 1)
    else if (first === code.dollar) at = endOfDollarQuote(sql, at)
    else if (isLineComment(sql, at)) at = endOfLine(sql, at)
    else if (isComment(sql, at)) {
      const end = endOfComment(sql, at)
      if (end === null) return null
      if (textOfHint(sql, at) !== null) return at
      at = end
    } else at++
  }
  return null
}

/** Behind white space, or behind a comment to the end of the line. */
function skipSpace(sql: string, at: number): number {
  if (isLineComment(sql, at)) return endOfLine(sql, at)
  while (at < sql.length && isSpace(sql.charCodeAt(at))) at++
  return at
}

function isLineComment(sql: string, at: number): boolean {
  return sql.charCodeAt(at) === code.dash && sql.charCodeAt(at + 1) === code.dash
}

function endOfLine(sql: string, from: number): number {
  let at = from
  while (at < sql.length && sql.charCodeAt(at) !== code.newline && sql.charCodeAt(at) !== code.carriageReturn) at++
  return at
}

function isComment(sql: string, at: number): boolean {
  return sql.charCodeAt(at) === code.slash && sql.charCodeAt(at + 1) === code.star
}

/** Behind the comment that begins there; null when it is not closed. */
function endOfComment(sql: string, from: number): number | null {
  let depth = 1
  for (let at = from + 2; at < sql.length; at++) {
    if (sql.charCodeAt(at) === code.star && sql.charCodeAt(at + 1) === code.slash) depth--
    else if (isComment(sql, at)) depth++
    else continue
    at++
    if (depth === 0) return at + 1
  }
  return null
}

/** Where its words begin; null for another comment. */
function textOfHint(sql: string, commentAt: number): number | null {
  if (sql.charCodeAt(commentAt + 2) !== code.plus) return null
  opening.lastIndex = commentAt
  return opening.test(sql) ? opening.lastIndex : null
}

/** What is not closed takes the rest. A dollar that begins none is a character like others. */
function endOfDollarQuote(sql: string, from: number): number {
  const end = isTagStart(sql.charCodeAt(from + 1)) ? endOfTag(sql, from + 2) : from + 1
  return sql.charCodeAt(end) === code.dollar ? behind(sql, sql.slice(from, end + 1), end + 1) : from + 1
}

function endOfTag(sql: string, from: number): number {
  let at = from
  while (at < sql.length && isTagPart(sql.charCodeAt(at))) at++
  return at
}

/** Of a name, or of a string with escapes if the name is its prefix. */
function endOfWord(sql: string, from: number): number {
  let at = from + 1
  while (at < sql.length && (isTagPart(sql.charCodeAt(at)) || sql.charCodeAt(at) === code.dollar)) at++
  const isEscapePrefix = at === from + 1 && (sql[from] === 'e' || sql[from] === 'E') && sql.charCodeAt(at) === code.quote
  return isEscapePrefix ? endOfEscaped(sql, at + 1) : at
}

/** Of E'…', from behind its first quote. */
function endOfEscaped(sql: string, from: number): number {
  for (let at = from; at < sql.length; at++) {
    const character = sql.charCodeAt(at)
    if (character === code.backslash) at++
    else if (character === code.quote) {
      if (sql.charCodeAt(at + 1) !== code.quote) return at + 1
      at++
    }
  }
  return sql.length
}

function behind(sql: string, text: string, from: number): number {
  const at = sql.indexOf(text, from)
  return at < 0 ? sql.length : at + text.length
}

function isSpace(character: number): boolean {
  return character === code.space || (character >= code.tab && character <= code.carriageReturn) || (character >= asciiEnd && whiteSpace.test(String.fromCharCode(character)))
}

/** Of what is no white space where a name could begin. */
function isNameStart(character: number): boolean {
  return isTagStart(character) && (character < asciiEnd || !isSpace(character))
}

function isTagStart(character: number): boolean {
  return (character >= 97 && character <= 122) || (character >= 65 && character <= 90) || character === code.underscore || character >= asciiEnd
}

function isTagPart(character: number): boolean {
  return isTagStart(character) || (character >= 48 && character <= 57)
}
