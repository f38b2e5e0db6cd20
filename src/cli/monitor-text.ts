import type { LogLineLevel, MonitorLine } from '../wire/control.ts'
import type { Style, TextOutput } from './context.ts'
import { eventLine } from './event-text.ts'
import { formatCount, formatTime } from './format.ts'

const levelStyles: Readonly<Record<LogLineLevel, Style>> = { debug: 'dim', info: 'cyan', warn: 'yellow', error: 'red' }

/** One line of a running node's events and log, in the form of its own log on a terminal. */
export function monitorText(line: Exclude<MonitorLine, { readonly kind: 'end' }>, output: TextOutput): string {
  switch (line.kind) {
    case 'event':
      return eventLine(line.event, output)
    case 'log':
      return `${formatTime(line.atWallMs)} ${output.style(levelStyles[line.level], line.level.padEnd('member-suspected'.length))} ${line.message}${causeOf(line.fields)}${nextStepOf(line.fields)}${detailsOf(line, output)}`
    case 'lost':
      return output.style('yellow', `… ${formatCount(line.count)} ${line.count === 1 ? 'line was' : 'lines were'} dropped here: this reader is too slow`)
  }
}

/** pino's name for an error; without it a line such as "ping failed" says too little. */
function causeOf({ err }: Readonly<Record<string, unknown>>): string {
  const message: unknown = typeof err === 'object' && err !== null && 'message' in err ? err.message : null
  return typeof message === 'string' ? `: ${message}` : ''
}

/** Whoever asks for debug lines looks for a fault, and wants the fields. */
function detailsOf({ level, fields }: Extract<MonitorLine, { readonly kind: 'log' }>, output: TextOutput): string {
  const { err: _, nextStep: __, ...details } = fields
  return level === 'debug' && Object.keys(details).length > 0 ? ` ${output.style('dim', JSON.stringify(details))}` : ''
}

function nextStepOf({ nextStep }: Readonly<Record<string, unknown>>): string {
  return typeof nextStep === 'string' ? ` Next: ${nextStep}` : ''
}
