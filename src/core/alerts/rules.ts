/** What is worth waking somebody for: the rules, their defaults, and what to do about each. */
import type { OptionRange } from '../options/ranges.ts'

export type AlertSeverity = 'warning' | 'critical'

interface RuleSpec {
  readonly severity: AlertSeverity
  /** Of its values; `state` for a rule that is true or not, whose threshold nobody sets. */
  readonly unit: 'percent' | 'ms' | 'state'
  /** Above it the condition holds. */
  readonly above: number
  /** How far below the threshold, as a part of it, a value must be to end the condition. */
  readonly marginRatio: number
  /** For so long it must hold. */
  readonly forMs: number
  /** What it watches, as people say it. */
  readonly title: string
  readonly remedy: string
}

const minuteMs = 60_000

export const ALERT_RULES = {
  cpu: {
    severity: 'critical', unit: 'percent', above: 90, marginRatio: 0.05, forMs: 5 * minuteMs, title: 'CPU',
    remedy: 'Look at the busiest queries (SELECT * FROM queries in the database reedbase), lower the CPU threshold so that more reads leave, or add a copy.',
  },
  memory: {
    severity: 'critical', unit: 'percent', above: 95, marginRatio: 0.02, forMs: minuteMs, title: 'Memory',
    remedy: 'Lower the memory of the databases here, or move one of them: the host is close to killing processes.',
  },
  forwardRate: {
    severity: 'critical', unit: 'percent', above: 50, marginRatio: 0.1, forMs: 10 * minuteMs, title: 'Share of queries that are forwarded',
    remedy: 'Most queries leave this node. rdb db:explain-route says why; it lacks CPU, or a copy of what is asked for.',
  },
  peerLatency: {
    severity: 'warning', unit: 'ms', above: 200, marginRatio: 0.1, forMs: 10 * minuteMs, title: 'Round trip (p99)',
    remedy: 'Look at the network to that node: rdb db:latency and rdb reachability --mesh.',
  },
  decisionTime: {
    severity: 'warning', unit: 'ms', above: 1, marginRatio: 0.1, forMs: 5 * minuteMs, title: 'Time of a routing decision (p99)',
    remedy: 'The process is short of CPU, or knows very many copies; look at the event-loop delay.',
  },
  measurementErrors: {
    severity: 'warning', unit: 'percent', above: 20, marginRatio: 0.1, forMs: 5 * minuteMs, title: 'Failed measurements',
    remedy: 'Pings and datagrams go unanswered: rdb reachability says to whom, rdb doctor what this host lacks.',
  },
  quorum: {
    severity: 'critical', unit: 'state', above: 0, marginRatio: 0, forMs: 0, title: 'Quorum lost',
    remedy: 'Too few members are reachable. Bring them back, or take those that are gone for good off: rdb members:force-leave.',
  },
  partition: {
    severity: 'critical', unit: 'state', above: 0, marginRatio: 0, forMs: 0, title: 'Partition',
    remedy: 'Many members were lost at once: look at the network between the sites. It heals by itself.',
  },
  disk: {
    severity: 'critical', unit: 'state', above: 0, marginRatio: 0, forMs: 0, title: 'Disk',
    remedy: 'The tables in the data folder cannot be written. Make room on its disk, or make it writable; the node goes on without them.',
  },
  clock: {
    severity: 'warning', unit: 'ms', above: 2_000, marginRatio: 0.25, forMs: minuteMs, title: 'Clock skew',
    remedy: 'The clock of this host differs from those of most others: check its time service.',
  },
} as const satisfies Readonly<Record<string, RuleSpec>>

export type AlertRuleName = keyof typeof ALERT_RULES
export const ALERT_RULE_NAMES = Object.keys(ALERT_RULES) as AlertRuleName[]

/** What a user may set of a rule. */
export interface AlertRuleSettings {
  readonly enabled: boolean
  /** In the rule's unit; of a `state`, 0. */
  readonly above: number
  readonly forMs: number
  readonly severity: AlertSeverity
}

export const ALERT_RANGES: Readonly<Record<'percent' | 'ms' | 'for', Pick<OptionRange, 'min' | 'max'>>> = {
  percent: { min: 0, max: 100 },
  ms: { min: 0.001, max: 86_400_000 },
  for: { min: 0, max: 86_400_000 },
}

export type AlertRuleOverrides = Readonly<Partial<Record<AlertRuleName, Readonly<Partial<AlertRuleSettings>>>>>

/** Every rule, with what was set of it. */
export function alertRulesOf(overrides: AlertRuleOverrides): Readonly<Record<AlertRuleName, AlertRuleSettings>> {
  return Object.fromEntries(ALERT_RULE_NAMES.map((name) => {
    const { above, forMs, severity } = ALERT_RULES[name]
    return [name, { enabled: true, above, forMs, severity, ...overrides[name] }]
  })) as Record<AlertRuleName, AlertRuleSettings>
}
