export type Level = 'ok' | 'warn' | 'fail'

export interface Finding {
  /** What was looked at, in a word or two. */
  readonly area: string
  readonly level: Level
  /** What was found. */
  readonly text: string
  /** What to do about it, where possible a command; null where there is nothing to do. */
  readonly remedy: string | null
}

export function ok(area: string, text: string): Finding {
  return { area, level: 'ok', text, remedy: null }
}

export function warn(area: string, text: string, remedy: string): Finding {
  return { area, level: 'warn', text, remedy }
}

export function fail(area: string, text: string, remedy: string): Finding {
  return { area, level: 'fail', text, remedy }
}

/** Of the shell that the remedy is for; plain words stay as they are. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
