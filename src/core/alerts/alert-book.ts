/**
 * Which alerts are pending, firing or resolved: a pure machine that is told values and answers with what has changed.
 *
 * A condition holds from the first value above the threshold until the first value that is below it by the rule's margin, so that a figure which
 * wavers about the threshold neither fires and resolves in turn nor escapes by one dip. Held for `forMs`, it fires; ended, it is resolved after
 * a quarter of that time (at most a minute), for the same reason. An unknown value (null) changes nothing.
 */
import { ALERT_RULES, type AlertRuleName, type AlertRuleSettings, type AlertSeverity } from './rules.ts'

export interface Alert {
  readonly rule: AlertRuleName
  /** What it is about where a rule watches several; empty otherwise. */
  readonly subject: string
  readonly severity: AlertSeverity
  readonly state: 'pending' | 'firing' | 'resolved'
  /** The latest one, or at its resolution the last. */
  readonly value: number
  readonly threshold: number
  /** What there is to say beside the value; may be empty. */
  readonly detail: string
  readonly sinceMs: number
  readonly firedAtMs: number | null
  readonly resolvedAtMs: number | null
}

export type AlertEffect = { readonly kind: 'fired' | 'resolved'; readonly alert: Alert }

/** Conditions at a time, over all rules; peers are bounded elsewhere, so it is never reached in a sound mesh. */
const openMax = 1_000
/** Of resolved ones, the latest. */
const resolvedMax = 100
const resolvedForMs = 3_600_000
const resolveDelayMsMax = 60_000

interface Open extends Omit<Alert, 'state' | 'resolvedAtMs'> {
  value: number
  detail: string
  firedAtMs: number | null
  /** Since when it is below the margin; null while it is not. */
  belowSinceMs: number | null
}

export class AlertBook {
  readonly #rules: Readonly<Record<AlertRuleName, AlertRuleSettings>>
  readonly #open = new Map<string, Open>()
  #resolved: Alert[] = []
  /** Conditions that were not followed for lack of room. */
  readonly counters = { fired: 0, resolved: 0, refused: 0 }

  constructor(rules: Readonly<Record<AlertRuleName, AlertRuleSettings>>) {
    this.#rules = rules
  }

  /** Pending and firing ones, and those that were resolved within the last hour; the latest change first. */
  list(nowMs: number): Alert[] {
    this.#forgetOld(nowMs)
    const open = [...this.#open.values()].map(shown)
    return [...open, ...this.#resolved].sort((one, other) => changedAtMs(other) - changedAtMs(one))
  }

  /** `subject`: of a rule that watches several. `value`: in the rule's unit, 1 or 0 for a state; null while it is not known. */
  handleValue(nowMs: number, rule: AlertRuleName, value: number | null, { subject = '', detail = '' }: { readonly subject?: string; readonly detail?: string } = {}): AlertEffect[] {
    const settings = this.#rules[rule]
    if (!settings.enabled || value === null || Number.isNaN(value)) return []
    const key = `${rule}\n${subject}`
    const open = this.#open.get(key)
    if (open === undefined) return value > settings.above ? this.#begin(nowMs, { key, rule, subject, value, detail }) : []
    open.value = value
    if (detail !== '') open.detail = detail
    const isBelow = value <= settings.above * (1 - ALERT_RULES[rule].marginRatio)
    if (!isBelow) {
      open.belowSinceMs = null
      return this.#fireIfDue(nowMs, open, settings)
    }
    if (open.firedAtMs === null) {
      this.#open.delete(key)
      return []
    }
    open.belowSinceMs ??= nowMs
    return nowMs - open.belowSinceMs >= Math.min(resolveDelayMsMax, settings.forMs / 4) ? [this.#resolve(nowMs, key, open)] : []
  }

  /** The subject is gone, and with it whatever was wrong. */
  handleGone(nowMs: number, rule: AlertRuleName, subject: string): AlertEffect[] {
    const key = `${rule}\n${subject}`
    const open = this.#open.get(key)
    if (open === undefined) return []
    if (open.firedAtMs !== null) return [this.#resolve(nowMs, key, open)]
    this.#open.delete(key)
    return []
  }

  /** Subjects of a rule that have a condition. */
  subjects(rule: AlertRuleName): string[] {
    return [...this.#open.values()].filter((open) => open.rule === rule).map(({ subject }) => subject)
  }

  #begin(nowMs: number, { key, rule, subject, value, detail }: { readonly key: string; readonly rule: AlertRuleName; readonly subject: string; readonly value: number; readonly detail: string }): AlertEffect[] {
    if (this.#open.size >= openMax) {
      this.counters.refused++
      return []
    }
    const { severity, above } = this.#rules[rule]
    const open: Open = { rule, subject, severity, value, threshold: above, detail, sinceMs: nowMs, firedAtMs: null, belowSinceMs: null }
    this.#open.set(key, open)
    return this.#fireIfDue(nowMs, open, this.#rules[rule])
  }

  #fireIfDue(nowMs: number, open: Open, { forMs }: AlertRuleSettings): AlertEffect[] {
    if (open.firedAtMs !== null || nowMs - open.sinceMs < forMs) return []
    open.firedAtMs = nowMs
    this.counters.fired++
    return [{ kind: 'fired', alert: shown(open) }]
  }

  #resolve(nowMs: number, key: string, open: Open): AlertEffect {
    this.#open.delete(key)
    const alert: Alert = { ...shown(open), state: 'resolved', resolvedAtMs: nowMs }
    this.#resolved = [...this.#resolved, alert].slice(-resolvedMax)
    this.counters.resolved++
    return { kind: 'resolved', alert }
  }

  #forgetOld(nowMs: number): void {
    this.#resolved = this.#resolved.filter(({ resolvedAtMs }) => nowMs - (resolvedAtMs ?? nowMs) < resolvedForMs)
  }
}

function shown({ rule, subject, severity, value, threshold, detail, sinceMs, firedAtMs }: Open): Alert {
  return { rule, subject, severity, state: firedAtMs === null ? 'pending' : 'firing', value, threshold, detail, sinceMs, firedAtMs, resolvedAtMs: null }
}

function changedAtMs({ resolvedAtMs, firedAtMs, sinceMs }: Alert): number {
  return resolvedAtMs ?? firedAtMs ?? sinceMs
}
