/**
 * The tokens of a statement, as far as the sandbox asks: words, quoted names, and punctuation, without comments and literals. The engine's own
 * parser decides what is a read; this only looks at leading keywords and at names that are called, and errs on the side of seeing one too many.
 */

export interface SqlToken {
  readonly kind: 'word' | 'name' | 'literal' | 'punctuation'
  /** A word in upper case, a quoted name as it is, a single punctuation mark; empty for a literal. */
  readonly text: string
  /** UTF-16 position where it starts. */
  readonly start: number
}

const SPACE = /[\s\u00a0\ufeff]/
const WORD_START = /[\p{L}_\u0080-\uffff]/u
const WORD = /[\p{L}\p{N}_$\u0080-\uffff]/u

export function tokenize(sql: string): SqlToken[] {
  const tokens: SqlToken[] = []
  let at = 0
  while (at < sql.length) {
    const char = sql[at] as string
    const start = at
    if (SPACE.test(char)) {
      at++
    } else if (char === '-' && sql[at + 1] === '-') {
      at = indexOrEnd(sql, '\n', at)
    } else if (char === '/' && sql[at + 1] === '*') {
      at = skipBlockComment(sql, at)
    } else if (char === "'") {
      const before = tokens.at(-1)
      const escapes = before?.kind === 'word' && before.text === 'E' && before.start === at - 1
      at = skipQuoted(sql, at, "'", escapes)
      tokens.push({ kind: 'literal', text: '', start })
    } else if (char === '"') {
      at = skipQuoted(sql, at, '"', false)
      tokens.push({ kind: 'name', text: sql.slice(start + 1, at - 1).replaceAll('""', '"'), start })
    } else if (char === '$' && /^\$([\p{L}_][\p{L}\p{N}_]*)?\$/u.test(sql.slice(at, at + 64))) {
      const tag = /^\$[^$]*\$/.exec(sql.slice(at))?.[0] as string
      const end = sql.indexOf(tag, at + tag.length)
      at = end === -1 ? sql.length : end + tag.length
      tokens.push({ kind: 'literal', text: '', start })
    } else if (WORD_START.test(char)) {
      while (at < sql.length && WORD.test(sql[at] as string)) at++
      tokens.push({ kind: 'word', text: sql.slice(start, at).toUpperCase(), start })
    } else if (/[0-9]/.test(char)) {
      while (at < sql.length && /[0-9A-Za-z_.]/.test(sql[at] as string)) at++
      tokens.push({ kind: 'literal', text: '', start })
    } else {
      at++
      tokens.push({ kind: 'punctuation', text: char, start })
    }
  }
  return tokens
}

/** Names followed by an opening parenthesis, in lower case. */
export function calledNames(tokens: readonly SqlToken[]): Set<string> {
  const names = new Set<string>()
  tokens.forEach((token, index) => {
    if ((token.kind === 'word' || token.kind === 'name') && tokens[index + 1]?.text === '(' && tokens[index + 1]?.kind === 'punctuation') names.add(token.text.toLowerCase())
  })
  return names
}

/** How many statements the semicolons make, empty ones not counted. */
export function statementCount(tokens: readonly SqlToken[]): number {
  let count = 0
  let open = false
  for (const token of tokens) {
    const ends = token.kind === 'punctuation' && token.text === ';'
    if (!ends && !open) count++
    open = !ends
  }
  return count
}

function indexOrEnd(sql: string, mark: string, from: number): number {
  const at = sql.indexOf(mark, from)
  return at === -1 ? sql.length : at + mark.length
}

function skipBlockComment(sql: string, from: number): number {
  let depth = 0
  let at = from
  while (at < sql.length) {
    if (sql.startsWith('/*', at)) {
      depth++
      at += 2
    } else if (sql.startsWith('*/', at)) {
      depth--
      at += 2
      if (depth === 0) return at
    } else {
      at++
    }
  }
  return at
}

function skipQuoted(sql: string, from: number, quote: string, escapes: boolean): number {
  let at = from + 1
  while (at < sql.length) {
    if (escapes && sql[at] === '\\') {
      at += 2
    } else if (sql[at] === quote) {
      if (sql[at + 1] !== quote) return at + 1
      at += 2
    } else {
      at++
    }
  }
  return sql.length
}
