/** A decision in words. Text only: who prints it adds colour. */
import type { CandidateExplanation, Decision } from './types.ts'

export interface DescribedDecision {
  readonly kind: Decision['kind']
  /** Name of the node that runs it; null when refused. */
  readonly target: string | null
  readonly reason: string
  /** One line each follows when there are any. */
  readonly candidates?: readonly CandidateExplanation[]
}

/** "Routing Decision: Forwarded to remote1", "Reason: …", then a line for each candidate. */
export function describeDecision({ kind, target, reason, candidates = [] }: DescribedDecision): string[] {
  const lines = [`Routing Decision: ${describeKind(kind, target)}`, `Reason: ${reason}`]
  if (candidates.length > 0) lines.push('Candidates:', ...candidates.map((candidate) => `  ${describeCandidate(candidate)}`))
  return lines
}

function describeKind(kind: Decision['kind'], target: string | null): string {
  switch (kind) {
    case 'local':
      return 'Local'
    case 'local-overloaded':
      return 'Local, although overloaded'
    case 'forward':
      return `Forwarded to ${target ?? 'a peer'}`
    case 'refuse':
      return 'Refused'
  }
}

const verdicts: Readonly<Record<CandidateExplanation['verdict'], string>> = {
  'chosen': 'chosen',
  'fallback': 'next if that fails',
  'does-not-serve': 'does not serve the database',
  'not-ready': 'not ready',
  'not-primary': 'not the primary',
  'not-alive': 'not alive',
  'unhealthy': 'not healthy',
  'overloaded': 'overloaded',
  'stale-load': 'its load figures are too old',
  'too-many-in-flight': 'too many queries under way to it',
  'slower': 'others are better',
}

/** "remote1: chosen (latency 0.4 ms, CPU 12%, memory 40%, 3 in flight, score 1.6)". */
export function describeCandidate({ name, verdict, latencyMs, cpuPercent, memoryPercent, inFlight, score }: CandidateExplanation): string {
  const percent = (measure: string, value: number | null): string => `${measure} ${value === null ? 'unknown' : `${Math.round(value)}%`}`
  const facts = [
    `latency ${latencyMs === null ? 'unmeasured' : `${formatMs(latencyMs)} ms`}`,
    percent('CPU', cpuPercent), percent('memory', memoryPercent), `${inFlight} in flight`,
    ...(score === null ? [] : [`score ${formatMs(score)}`]),
  ]
  return `${name}: ${verdicts[verdict]} (${facts.join(', ')})`
}

function formatMs(ms: number): string {
  return ms < 10 ? String(Math.round(ms * 100) / 100) : String(Math.round(ms))
}
