/** A decision that was asked for without its query: what was asked, what came of it, and every candidate. */
import type { ExplainCandidateView, ExplainView } from '../wire/control.ts'
import type { TextOutput } from './context.ts'
import { drawFittedTable, type FittedColumn, isFitting } from './fitted-table.ts'
import { formatCount, formatDuration, formatLatency, formatPercent } from './format.ts'

const columns: readonly FittedColumn[] = [
  { title: 'Node' }, { title: 'Place', need: 2 }, { title: 'Latency', align: 'right', need: 6 }, { title: 'CPU', align: 'right', need: 4 }, { title: 'Memory', align: 'right', need: 3 },
  { title: 'In flight', align: 'right', need: 1 }, { title: 'Score', align: 'right', need: 5 }, { title: 'Verdict' },
]
const withReasons: readonly FittedColumn[] = [...columns, { title: 'Why' }]

export function explainTable(view: ExplainView, output: TextOutput): string {
  const { database, access, tables, priority, session, reason, strategy, forwardedRatio, hotspotRatio, hotspots, keptTo, shared, queue, candidates, omitted } = view
  const kind = { read: 'read', write: 'write', unknown: 'read or write, which only a node that serves it can tell' }[access]
  const lines = [
    `Query: ${kind}, of ${output.style('bold', database)}${tables.length === 0 ? '' : ` (${tables.join(', ')})`}, priority ${priority}${session === null ? '' : `, session ${session}`}`,
    `Routing Decision: ${output.style(view.decision === 'refuse' ? 'red' : view.decision === 'local-overloaded' ? 'yellow' : 'green', decisionText(view))}`,
    `Reason: ${reason}`,
    ...(forwardedRatio === null ? [] : [`Shared load: ${percentText(forwardedRatio)} of such reads go to peers, the others stay`]),
    ...(hotspotRatio > 0 ? [`Hotspot: ${percentText(hotspotRatio)} of such reads go to other copies`] : []),
    ...hotspots.map(({ scope, table, ratePerSecond }) => `Hot: ${scope === 'node' ? 'this node' : table ?? database} with ${formatCount(Math.round(ratePerSecond))} queries/s`),
    ...(keptTo === null ? [] : [`Kept to: ${keptToText(keptTo)}`]),
    ...(shared === null ? [] : [`Shared: ${shared === 'held' ? 'a result that is held here answers it' : 'the same read is under way here, and answers both'}`]),
    ...(queue === null ? [] : [`Queue: ${queueText(queue, priority)}`]),
    `Strategy: ${strategy}`,
  ]
  return `${lines.join('\n')}\n${candidatesTable(candidates, output)}${omitted === 0 ? '' : `${formatCount(omitted)} more are not shown.\n`}`
}

/** Reasons are sentences: where they have no room beside the figures they stand below. */
function candidatesTable(candidates: readonly ExplainCandidateView[], output: TextOutput): string {
  const rows = candidates.map((candidate) => [...row(candidate), why(candidate)])
  if (isFitting(withReasons, rows, output)) return drawFittedTable(withReasons, rows, output)
  return `${drawFittedTable(columns, rows, output)}${candidates.map((candidate) => `${candidate.name}: ${why(candidate)}\n`).join('')}`
}

function decisionText({ decision, code, node, target }: ExplainView): string {
  switch (decision) {
    case 'local': return `Local (${node.name})`
    case 'local-overloaded': return `Local (${node.name}), although overloaded`
    case 'refuse': return `Refused${code === null ? '' : ` with ${code}`}`
    case 'forward': {
      const latency = target?.latencyMs ?? null
      return `Forwarded to ${target?.name ?? ''}${latency === null ? '' : ` (${formatDuration(latency)} latency)`}${target?.via === null || target === null ? '' : `, by way of ${target.via}`}`
    }
  }
}

function keptToText({ why, name, forMs }: NonNullable<ExplainView['keptTo']>): string {
  switch (why) {
    case 'written': return `${name}, where its session wrote${forMs === null ? '' : `, for another ${formatDuration(forMs)}`}`
    case 'session': return `${name}, where its session is`
    case 'tables': return `${name}, which has its tables warm, if it leaves this node`
  }
}

function queueText({ running, limit, position, waiting, waitingMax, refusal }: NonNullable<ExplainView['queue']>, priority: ExplainView['priority']): string {
  const places = `${formatCount(running)} of ${formatCount(Math.floor(limit))} places are taken`
  if (position === 0) return `${places}, so it starts at once`
  const line = `${formatCount(waiting)} of at most ${formatCount(waitingMax)} of priority ${priority} wait`
  return refusal === null ? `${places}; it would be number ${formatCount(position)} in line (${line})` : `${places}, and it would be turned away: ${refusal === 'class-full' ? line : 'the lines are full'}`
}

function row({ name, isLocal, place, role, latencyMs, cpuPercent, memoryPercent, inFlight, score, verdict }: ExplainCandidateView): string[] {
  return [
    `${name}${isLocal ? ' (local)' : ''}${role === 'primary' ? ' (primary)' : ''}`,
    place === '' ? '–' : place,
    isLocal ? '–' : formatLatency(latencyMs),
    formatPercent(cpuPercent), formatPercent(memoryPercent), formatCount(inFlight),
    score === null ? '–' : String(Number(score.toPrecision(3))),
    verdict.replaceAll('-', ' '),
  ]
}

function why({ via, reason }: ExplainCandidateView): string {
  return via === null ? reason : `${reason}; by way of ${via}`
}

function percentText(ratio: number): string {
  return formatPercent(100 * ratio)
}
