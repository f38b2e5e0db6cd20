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
  /** Where it goes; 1 is stdout. */
  readonly fd?: number
}

/** What is kept for a destination that takes nothing, such as a full disk; lines beyond it are dropped. */
const unwrittenBytesMax = 1 << 20

/** Lines are written synchronously: there are few, and none may be lost when the process is told to end at once. */
export async function createLogger({ level, format, isTerminal, color, fd = 1 }: LoggerOptions): Promise<Log> {
  const isPretty = format === 'pretty' || (format === 'auto' && isTerminal)
  const settings = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label: string) => ({ level: label }) } }
  const destination = pino.destination({ fd, sync: true, maxLength: unwrittenBytesMax })
  // A node outlives its log: there is no other place to say that this one fails, and each further line tries again.
  destination.on('error', () => { /* The line stays unwritten. */ })
  // Narrowed to what the parts need; pino's own type carries an index signature that a promise cannot.
  if (!isPretty) {
    const log: Log = pino(settings, destination)
    return log
  }
  const { prettyFactory } = await import('pino-pretty')
  // Without pino-pretty's own stream, which a failed write would end for good.
  const prettify = prettyFactory({
    colorize: color, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname',
    // Eyes want the sentence; the fields are for programs, and for whoever looks for a fault.
    hideObject: level !== 'debug',
    messageFormat: (fields, key) => `${String(fields[key])}${typeof fields['nextStep'] === 'string' ? ` Next: ${fields['nextStep']}` : ''}`,
  })
  const log: Log = pino(settings, { write: (line: string) => { destination.write(prettify(line)) } })
  return log
}
