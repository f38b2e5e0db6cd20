/** Where a query ran and why, in words; and, with --verbose, all that the decision rested on. */
import type { CandidateExplanation } from '../../core/routing/types.ts'
import type { QueryTrailer, RouteReport } from '../../query/types.ts'
import { formatCount, formatDuration, formatLatency, formatPercent } from '../format.ts'

/** The one line that a reader needs without asking; null when the query simply ran next door. */
export function routeNotice(route: RouteReport | null): string | null {
  if (route === null) return null
  const isOverloaded = isForwardedToOverloaded(route)
  const failed = route.failedAttempts.filter(({ peerId }) => !isOverloaded || peerId !== route.executedBy.peerId)
    .map(({ name, message, code }) => `${name} failed: ${message} (${code})`).join(', ')
  switch (route.decision) {
    case 'local': return failed === '' ? null : `warning: no peer could answer, so the query ran on ${route.executedBy.name}: ${failed}`
    case 'forward': {
      const latency = route.latencyMs === null ? '' : ` (${formatDuration(route.latencyMs)} latency)`
      if (isOverloaded) return `Query forwarded to ${route.executedBy.name}${latency}, although overloaded: nobody better answered${failed === '' ? '' : `; ${failed}`}`
      return `Query forwarded to ${route.executedBy.name}${latency}${failed === '' ? '' : ` after ${failed}`}`
    }
    case 'local-overloaded': return `warning: the query ran on ${route.executedBy.name} although it is overloaded: ${route.reason}${failed === '' ? '' : `; ${failed}`}`
  }
}

/** It refused at first, and was asked once more when all others had failed. */
function isForwardedToOverloaded({ decision, executedBy, failedAttempts }: RouteReport): boolean {
  return decision === 'forward' && failedAttempts.some(({ peerId, code }) => peerId === executedBy.peerId && code === 'ERR_OVERLOADED')
}

/** The decision as it was made; known before the first row. */
export function routingDecision(route: RouteReport): string {
  const where = { 'local': `Local (${route.executedBy.name})`, 'forward': `Forwarded to ${route.executedBy.name}${isForwardedToOverloaded(route) ? ', although overloaded' : ''}`, 'local-overloaded': `Local (${route.executedBy.name}), although overloaded` }[route.decision]
  const lines = [
    `Routing Decision: ${where}`,
    `Reason: ${route.reason}`,
    ...(route.decision === 'forward' ? [`Latency: ${route.latencyMs === null ? 'not measured yet' : formatDuration(route.latencyMs)}`] : []),
    `Strategy: ${route.strategy}, decided in ${formatCount(Math.round(route.decisionUs))}µs`,
    ...route.failedAttempts.map(({ name, message, code }) => `Failed attempt: ${name}: ${message} (${code})`),
    ...(route.candidates.length === 0 ? [] : ['Candidates:', ...route.candidates.map(candidateLine)]),
  ]
  return `${lines.join('\n')}\n`
}

function candidateLine(candidate: CandidateExplanation): string {
  const { name, verdict, latencyMs, cpuPercent, memoryPercent, inFlight, score } = candidate
  const figures = [`CPU ${formatPercent(cpuPercent)}`, `memory ${formatPercent(memoryPercent)}`, `${inFlight} in flight`, `latency ${formatLatency(latencyMs)}`]
  return `  ${name}: ${verdict.replaceAll('-', ' ')} (${figures.join(', ')}${score === null ? '' : `, score ${Number(score.toPrecision(3))}`})`
}

interface QueryTimes {
  /** From sending the query to its first answer, columns and route. */
  readonly firstAnswerMs: number
  readonly totalMs: number
}

/**
 * What is known only at the end. The engine's time is measured where it ran, and the way to another node and back is taken to be one round trip, as that
 * is measured. The rest is neither: waiting for a place, encoding, the way between this process and the node that it asked.
 */
export function routingTimes(route: RouteReport, trailer: QueryTrailer, { firstAnswerMs, totalMs }: QueryTimes): string {
  const aroundMs = Math.max(0, totalMs - trailer.engineMs)
  const networkMs = route.decision === 'forward' && route.latencyMs !== null ? Math.min(route.latencyMs, aroundMs) : 0
  const parts = [`query ${formatDuration(trailer.engineMs)}`, ...(networkMs > 0 ? [`network ${formatDuration(networkMs)}`] : []), ...(aroundMs > networkMs ? [`other ${formatDuration(aroundMs - networkMs)}`] : [])]
  const lines = [`Time: ${formatDuration(totalMs)} = ${parts.join(' + ')}; first answer after ${formatDuration(firstAnswerMs)}`, `Rows: ${formatCount(trailer.rows)}`]
  if (trailer.load !== null) {
    const { cpuPercent, memoryPercent, inFlight, drill } = trailer.load
    lines.push(`Load of ${route.executedBy.name} afterwards: CPU ${formatPercent(cpuPercent)}, memory ${formatPercent(memoryPercent)}, ${inFlight} in flight${drill ? ' (drill)' : ''}`)
  }
  return `${lines.join('\n')}\n`
}
