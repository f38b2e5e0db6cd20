/** The node's log: pino, on stdout as service managers expect; readable on a terminal, JSON lines elsewhere. */
import { pino } from 'pino'
import type { LogFormat, LogLevel } from '../node/options.ts'
import type { Log } from '../ports/log.ts'

export interface LoggerOptions {
  readonly level: LogLevel
  readonly format: LogFormat
  /** Of stdout. */
  readonly isTerminal: boolean
  readonly color: boolean
}

/** Lines are written synchronously: there are few, and none may be lost when the process is told to end at once. */
export async function createLogger({ level, format, isTerminal, color }: LoggerOptions): Promise<Log> {
  const isPretty = format === 'pretty' || (format === 'auto' && isTerminal)
  const settings = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label: string) => ({ level: label }) } }
  // Narrowed to what the parts need; pino's own type carries an index signature that a promise cannot.
  if (!isPretty) {
    const log: Log = pino(settings, pino.destination({ fd: 1, sync: true }))
    return log
  }
  const { default: pretty } = await import('pino-pretty')
  const log: Log = pino(settings, pretty({ destination: 1, sync: true, colorize: color, translateTime: 'SYS:HH:MM:ss.l', singleLine: true, ignore: 'pid,hostname' }))
  return log
}
