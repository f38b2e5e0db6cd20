/**
 * Where one SQL statement ends and the next begins, in text that comes line by line: at a `;` outside texts, quoted names, dollar quotes and comments.
 * Both engines' forms are known; in doubt (a backslash in a plain text) the standard's reading holds, which is that of both.
 */
export interface Statement {
  /** Without the `;`. */
  readonly sql: string
  /** Of the input, from 1, on which its first word stands. */
  readonly line: number
  /** On which `sql` begins, with the comments in front of that word. */
  readonly sqlLine: number
}

/** One that never ends would otherwise grow until the process does. */
export const STATEMENT_CHARACTERS_MAX = 16 << 20

type Inside = { readonly kind: 'code' | 'line-comment' } | { readonly kind: 'comment'; readonly depth: number } | { readonly kind: 'quoted'; readonly end: string; readonly escapes: boolean }

const code: Inside = { kind: 'code' }

export class StatementReader {
  /** Of the statement under way. */
  #text = ''
  #textLine = 1
  #line = 1
  /** Of its first character that is neither space nor comment. */
  #startLine: number | null = null
  #inside: Inside = code

  /** Whether something of a statement waits for its `;`. */
  get isOpen(): boolean {
    return this.#startLine !== null || this.#inside.kind === 'comment'
  }

  get isTooLong(): boolean {
    return this.#text.length > STATEMENT_CHARACTERS_MAX
  }

  /** Of the next character. */
  get line(): number {
    return this.#line
  }

  /** The statements that end in this text. Tokens of two characters and dollar tags must not be cut: whole lines are given. */
  push(text: string): Statement[] {
    const statements: Statement[] = []
    for (let at = 0; at < text.length;) {
      const character = text[at] ?? ''
      if (character === ';' && this.#inside.kind === 'code') {
        const statement = this.end()
        if (statement !== null) statements.push(statement)
        at++
        continue
      }
      const length = this.#take(text, at)
      const taken = text.slice(at, at + length)
      this.#text += taken
      for (const one of taken) if (one === '\n') this.#line++
      at += length
    }
    return statements
  }

  /** What stands there without a `;`, at the end of the input; null when that is only space and comments. */
  end(): Statement | null {
    const blank = /^(?:[^\S\n]*\n)+/.exec(this.#text)?.[0] ?? ''
    // Comments before the first word stay, for they may be hints.
    const sql = this.#text.slice(blank.length).trim()
    const statement = this.#startLine === null ? null : { sql, line: this.#startLine, sqlLine: this.#textLine + blank.split('\n').length - 1 }
    this.discard()
    return statement
  }

  discard(): void {
    this.#text = ''
    this.#textLine = this.#line
    this.#startLine = null
    this.#inside = code
  }

  /** How many characters belong together here. */
  #take(text: string, at: number): number {
    const inside = this.#inside
    const character = text[at] ?? ''
    const two = text.slice(at, at + 2)
    switch (inside.kind) {
      case 'line-comment':
        if (character === '\n') this.#inside = code
        return 1
      case 'comment':
        if (two === '/*') this.#inside = { kind: 'comment', depth: inside.depth + 1 }
        else if (two === '*/') this.#inside = inside.depth === 1 ? code : { kind: 'comment', depth: inside.depth - 1 }
        else return 1
        return 2
      case 'quoted':
        if (inside.escapes && character === '\\') return Math.min(2, text.length - at)
        // A doubled quote ends one text and begins the next at once: the same to whoever looks for the end.
        if (!text.startsWith(inside.end, at)) return 1
        this.#inside = code
        return inside.end.length
      case 'code':
        if (two === '--') {
          this.#inside = { kind: 'line-comment' }
          return 2
        }
        if (two === '/*') {
          this.#inside = { kind: 'comment', depth: 1 }
          return 2
        }
        if (/\s/.test(character)) return 1
        this.#startLine ??= this.#line
        return this.#open(text, at)
    }
  }

  #open(text: string, at: number): number {
    const character = text[at] ?? ''
    const before = at === 0 ? '' : text[at - 1] ?? ''
    if (character === '"') this.#inside = { kind: 'quoted', end: '"', escapes: false }
    // PostgreSQL's E'…' alone has escapes.
    else if (character === "'") this.#inside = { kind: 'quoted', end: "'", escapes: /[eE]/.test(before) && !/\w/.test(text[at - 2] ?? '') }
    else if (character === '$' && !/\w/.test(before)) {
      const tag = /^\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/u.exec(text.slice(at, at + 128))?.[0]
      if (tag === undefined) return 1
      this.#inside = { kind: 'quoted', end: tag, escapes: false }
      return tag.length
    }
    return 1
  }
}

/** Its first word, without hints and comments before it, in capitals. */
export function firstWord(sql: string): string {
  return /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[^]*?\*\/|\()*([a-z]+)/i.exec(sql)?.[1]?.toUpperCase() ?? ''
}

const readWords: ReadonlySet<string> = new Set(['SELECT', 'FROM', 'VALUES', 'TABLE', 'SHOW', 'DESCRIBE', 'SUMMARIZE', 'PIVOT', 'UNPIVOT', 'PRAGMA', 'WITH'])

/** Its result may be left before its end: nothing is lost but rows. When in doubt it may not. */
export function isSurelyRead(sql: string): boolean {
  return readWords.has(firstWord(sql)) && !/\b(?:INSERT|UPDATE|DELETE|MERGE|INTO|CREATE|DROP|ALTER)\b/i.test(sql)
}

export type TransactionWord = { readonly kind: 'begin'; readonly isReadOnly: boolean } | { readonly kind: 'commit' } | { readonly kind: 'rollback' }

/** What is said to the mesh rather than to the engine; null for every other statement, also for savepoints. */
export function transactionWord(sql: string): TransactionWord | null {
  const text = sql.replace(/--[^\n]*(?:\n|$)|\/\*[^]*?\*\//g, ' ').trim().replace(/\s+/g, ' ').toUpperCase()
  const begin = /^(?:BEGIN(?: TRANSACTION| WORK)?|START TRANSACTION)( READ ONLY| READ WRITE)?$/.exec(text)
  if (begin !== null) return { kind: 'begin', isReadOnly: begin[1] === ' READ ONLY' }
  if (/^(?:COMMIT|END)(?: TRANSACTION| WORK)?$/.test(text)) return { kind: 'commit' }
  return /^(?:ROLLBACK|ABORT)(?: TRANSACTION| WORK)?$/.test(text) ? { kind: 'rollback' } : null
}
