/** Paths in words: what a finding means, and what to do about it. */
import type { PathFinding } from '../core/membership/types.ts'
import type { MeshReachabilityView, PathView, ReachabilityView } from '../wire/control.ts'
import type { Style, TextOutput } from './context.ts'
import { formatAge, formatDuration } from './format.ts'
import { drawTable } from './table.ts'

const findingStyles: Readonly<Record<PathFinding, Style>> = { 'unknown': 'dim', 'direct': 'green', 'inbound-only': 'yellow', 'indirect-only': 'yellow', 'stream-only': 'yellow', 'none': 'red' }
/** A wider matrix is no longer read as one. */
const matrixNodesMax = 12
const pairsShownMax = 50
/** Pings without an ack, to every member, that are no coincidence any more. */
const deafAfter = 5

interface ReportOptions {
  readonly nowWallMs: number
  readonly output: TextOutput
}

export function reachabilityText(view: ReachabilityView, { nowWallMs, output }: ReportOptions): string {
  const { name, paths, mesh } = view
  if (paths.length === 0) return `${name} knows no other member.\n${mesh === null ? '' : meshText(mesh, output)}`
  const rows = paths.map((path) => [
    path.name, path.state, path.denied ? output.style('yellow', 'denied here') : isUp(path) ? output.style(findingStyles[path.finding], path.finding) : '–', isDealtWith(path) ? formatAge(path.sinceWallMs, nowWallMs) : '–', formatAge(path.lastAckWallMs, nowWallMs),
    formatAge(path.lastHeardWallMs, nowWallMs), String(path.lostInARow),
  ])
  const table = drawTable([
    { title: 'Member' }, { title: 'State' }, { title: 'Path' }, { title: 'Since' }, { title: 'Last ack' }, { title: 'Last heard' }, { title: 'Lost in a row', align: 'right' },
  ], rows, output)
  const advice = paths.map((path) => adviceOf(path, view)).filter((text) => text !== null)
  const up = paths.filter(isDealtWith)
  const direct = up.filter(({ finding }) => finding === 'direct').length
  const summary = `${direct} of ${up.length} ${up.length === 1 ? 'member that is up is' : 'members that are up are'} reached directly from ${name}.\n`
  // What is common to all has its cause here, and no path of this node's own can tell so.
  const isDeaf = up.length > 1 && up.every(({ lostInARow }) => lostInARow >= deafAfter)
  const deaf = isDeaf ? `No member answers datagrams from ${name}, though ${name} is in the mesh: its own UDP port or firewall is the likely cause; rdb reachability --mesh shows how the others see it.\n` : ''
  return `${table}${advice.map((text) => `${text}\n`).join('')}${summary}${deaf}${mesh === null ? '' : meshText(mesh, output)}`
}

/** Of a failed member the last finding says nothing any more. */
function isUp({ state }: PathView): boolean {
  return state === 'alive' || state === 'suspect'
}

/** Who is denied here answers nothing from here, whatever the path. */
function isDealtWith(path: PathView): boolean {
  return isUp(path) && !path.denied
}

/** Null where there is nothing to do. */
function adviceOf({ name, state, finding, udp, tcp, denied }: PathView, { name: here }: ReachabilityView): string | null {
  const port = udp.slice(udp.lastIndexOf(':') + 1)
  if (state === 'failed') return `${name} has failed: rdb members shows since when; if it is gone for good, rdb members:force-leave ${name} takes it off.`
  if (denied) return `${name} is kept out by a list of peers of ${here}: rdb peers:list shows it.`
  switch (finding) {
    case 'unknown':
    case 'direct':
      return null
    case 'stream-only':
      return `${name} answers over TCP, but not over UDP: open port ${port}/udp between ${here} and ${name}, in both directions (at ${name}: ${udp}).`
    case 'inbound-only':
      return `${name} is heard here, but does not answer what ${here} sends: UDP from ${here} to ${name} is blocked. Open port ${port}/udp at ${name} for ${here}.`
    case 'indirect-only':
      return `Other members reach ${name}, ${here} does not: look at routes and firewalls between ${here} and ${udp}.`
    case 'none':
      return `Nothing from ${name} arrives here, over UDP (${udp}) or TCP (${tcp ?? 'no address'}): see whether its host and process run, and whether ${here} has a route to it.`
  }
}

function meshText({ answered, silent, degraded, omitted }: MeshReachabilityView, output: TextOutput): string {
  const head = `${answered} ${answered === 1 ? 'member' : 'members'} answered.\n`
  const mute = silent.map(({ name, problem }) => output.style('yellow', `${name} did not answer: ${problem}`) + '\n').join('')
  if (degraded.length === 0) return `${head}${mute}No path between two members that are up is degraded${silent.length === 0 ? '' : ', as far as is known'}.\n`
  const froms = [...new Set(degraded.map(({ from }) => from))].sort()
  const tos = [...new Set(degraded.map(({ to }) => to))].sort()
  const more = (count: number): string => (count === 0 ? '' : `… and ${count} more; --json lists those that are known.\n`)
  if (froms.length > matrixNodesMax || tos.length > matrixNodesMax) {
    const pairs = degraded.slice(0, pairsShownMax).map(({ from, to, finding, forMs, lostInARow }) => `${from} → ${to}: ${output.style(findingStyles[finding], finding)} for ${formatDuration(forMs)}, ${lostInARow} lost in a row\n`)
    return `${head}${mute}${pairs.join('')}${more(degraded.length - pairs.length + omitted)}`
  }
  const cell = new Map(degraded.map(({ from, to, finding, forMs }) => [`${from}\0${to}`, `${output.style(findingStyles[finding], finding)} ${formatDuration(forMs)}`]))
  const table = drawTable([{ title: 'From \\ to' }, ...tos.map((title) => ({ title }))], froms.map((from) => [from, ...tos.map((to) => cell.get(`${from}\0${to}`) ?? (from === to ? '–' : 'ok'))]), output)
  return `${head}${mute}${table}${more(omitted)}${patterns(degraded, tos)}`
}

/** One member that nobody reaches well has one cause, at its end. */
function patterns(degraded: MeshReachabilityView['degraded'], tos: readonly string[]): string {
  return tos.flatMap((to) => {
    const about = degraded.filter((path) => path.to === to)
    const [first] = about
    if (first === undefined || about.length < 2 || about.some(({ finding }) => finding !== first.finding)) return []
    return [`${about.length} members find ${to} ${first.finding}: the cause is likely at ${to}.\n`]
  }).join('')
}
