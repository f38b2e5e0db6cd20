import type { Log } from '../../src/ports/log.ts'

export interface RecordingLog extends Log {
  /** "warn the sentence", in order. */
  readonly lines: string[]
}

export function createRecordingLog(): RecordingLog {
  const lines: string[] = []
  const note = (level: string) => (_fields: object, message: string): void => { lines.push(`${level} ${message}`) }
  const log: RecordingLog = { lines, debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error'), child: () => log }
  return log
}
