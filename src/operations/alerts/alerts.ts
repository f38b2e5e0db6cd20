/** Joins the alert machine to a node: reads the signals every ten seconds, tells changes to the log, the webhook and whoever listens. */
import { type Alert, AlertBook, type AlertEffect } from '../../core/alerts/alert-book.ts'
import { ALERT_RULES, alertRulesOf } from '../../core/alerts/rules.ts'
import { EventStream } from '../../node/event-stream.ts'
import type { NodeInspection } from '../../node/inspection.ts'
import { wallOf } from '../../node/views.ts'
import type { Timer } from '../../ports/clock.ts'
import type { AlertView } from '../../wire/operations-views.ts'
import type { AlertsSource, OperationsPart, TablesSource } from '../types.ts'
import { AlertSignals } from './signals.ts'
import { Webhook } from './webhook.ts'

const intervalMs = 10_000

export class Alerts implements AlertsSource, OperationsPart {
  readonly #inspection: NodeInspection
  readonly #book: AlertBook
  readonly #signals: AlertSignals
  readonly #webhook: Webhook | null
  readonly #changes = new EventStream<AlertView>()
  readonly #unobserve: () => void
  readonly #unlisten: () => void
  #timer: Timer | null = null

  /** Begins at once. `tables` absent: nothing is written that could fail. */
  constructor(inspection: NodeInspection, tables: Pick<TablesSource, 'problem'> | null) {
    const { options: { alerts: { rules, webhook } }, peerId, name, clock, log } = inspection
    this.#inspection = inspection
    this.#book = new AlertBook(alertRulesOf(rules))
    this.#signals = new AlertSignals(inspection, tables)
    this.#webhook = webhook === null ? null : new Webhook({ url: webhook, node: { peerId, name }, clock, log })
    this.#unobserve = inspection.observe(this.#signals)
    // A lost quorum and a partition are told when they happen, not at the next round.
    this.#unlisten = inspection.observe({ handleEvent: ({ type }) => { if (type.startsWith('quorum-') || type.startsWith('partition-')) this.#evaluate() } })
    this.#arm()
  }

  list(): AlertView[] {
    return this.#book.list(this.#inspection.clock.nowMs()).map((alert) => this.#view(alert))
  }

  changes(signal: AbortSignal): AsyncIterableIterator<AlertView> {
    return this.#changes.subscribe([], signal)
  }

  get counters(): { readonly fired: number; readonly resolved: number; readonly webhookDelivered: number; readonly webhookFailures: number; readonly webhookDropped: number } {
    const { fired, resolved } = this.#book.counters
    const { delivered, failures, dropped } = this.#webhook?.counters ?? { delivered: 0, failures: 0, dropped: 0 }
    return { fired, resolved, webhookDelivered: delivered, webhookFailures: failures, webhookDropped: dropped }
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#unobserve()
    this.#unlisten()
    this.#webhook?.stop()
    this.#changes.end()
  }

  #arm(): void {
    this.#timer = this.#inspection.clock.setTimer(intervalMs, () => {
      this.#evaluate()
      this.#arm()
    })
  }

  #evaluate(): void {
    const nowMs = this.#inspection.clock.nowMs()
    const signals = this.#signals.read()
    for (const { rule, value, subject = '', detail = '' } of signals) this.#tell(this.#book.handleValue(nowMs, rule, value, { subject, detail }))
    const peers = new Set(signals.filter(({ rule }) => rule === 'peerLatency').map(({ subject }) => subject))
    for (const subject of this.#book.subjects('peerLatency')) if (!peers.has(subject)) this.#tell(this.#book.handleGone(nowMs, 'peerLatency', subject))
  }

  #tell(effects: readonly AlertEffect[]): void {
    for (const { kind, alert } of effects) {
      const view = this.#view(alert)
      const line = `alert ${kind}: ${view.summary}`
      if (kind === 'resolved') this.#inspection.log.info({ alert: view }, line)
      else if (alert.severity === 'critical') this.#inspection.log.error({ alert: view, nextStep: ALERT_RULES[alert.rule].remedy }, line)
      else this.#inspection.log.warn({ alert: view, nextStep: ALERT_RULES[alert.rule].remedy }, line)
      this.#changes.publish(view)
      this.#webhook?.send(view)
    }
  }

  #view({ rule, severity, subject, state, value, threshold, detail, sinceMs, firedAtMs, resolvedAtMs }: Alert): AlertView {
    const { unit, remedy } = ALERT_RULES[rule]
    const { clock } = this.#inspection
    const isState = unit === 'state'
    return {
      rule, severity, subject, state, value: isState ? null : value, threshold: isState ? null : threshold, unit: isState ? '' : unit,
      summary: state === 'resolved' ? summaryOf({ rule, subject, value, threshold, detail, isOver: true }) : `${summaryOf({ rule, subject, value, threshold, detail, isOver: false })} ${remedy}`,
      sinceWallMs: wallOf(clock, sinceMs), firedAtWallMs: firedAtMs === null ? null : wallOf(clock, firedAtMs), resolvedAtWallMs: resolvedAtMs === null ? null : wallOf(clock, resolvedAtMs),
    }
  }
}

function summaryOf({ rule, subject, value, threshold, detail, isOver }: Pick<Alert, 'rule' | 'subject' | 'value' | 'threshold' | 'detail'> & { readonly isOver: boolean }): string {
  const { title, unit } = ALERT_RULES[rule]
  const of = subject === '' ? '' : ` of ${subject}`
  const more = detail === '' ? '' : `: ${detail}`
  if (unit === 'state') return isOver ? `${title} is over.` : `${title}${more}.`
  const shown = (figure: number): string => `${Number(figure.toPrecision(3))}${unit === 'percent' ? ' %' : ' ms'}`
  if (isOver) return `${title}${of} is no longer above ${shown(threshold)}.`
  return `${title}${of} is ${shown(value)}, above ${shown(threshold)}${more}.`
}
