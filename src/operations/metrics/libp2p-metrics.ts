/**
 * What libp2p and its parts measure of themselves, through libp2p's `metrics` component, in a registry of this node's own. `@libp2p/prometheus-metrics`
 * keeps its metrics in one map for the whole process (a second node, or a restarted one, would show the figures of the first), clears
 * prom-client's global registry, which is the program's, and gives gauges names that end in `_total`, which promtool refuses.
 *
 * Bytes are counted on connections, as they are on the wire. A protocol's own are not: wrapping each message of each stream costs more than they tell.
 */
import type {
  CalculateMetric, Counter as Libp2pCounter, CounterGroup, Histogram as Libp2pHistogram, HistogramGroup, HistogramOptions, Metric, MetricGroup, MetricOptions, Metrics, MultiaddrConnection,
} from '@libp2p/interface'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { OTHER } from './label-table.ts'

/** Values of one label: names of protocols, addresses and errors, which are few. Further ones are counted as `other`. */
export const LABEL_VALUES_MAX = 64

type Single = { readonly calculate?: CalculateMetric }
type Grouped = { readonly calculate?: CalculateMetric<Record<string, number>> }

export interface Libp2pMetrics {
  readonly registry: Registry
  /** As libp2p takes it. */
  readonly component: () => Metrics
  /** On its connections so far. */
  bytes(): { readonly sent: number; readonly received: number }
}

export function createLibp2pMetrics(): Libp2pMetrics {
  const registry = new Registry()
  const bytes = { sent: 0, received: 0 }
  const component = new PrometheusComponent(registry, bytes)
  return { registry, component: () => component, bytes: () => ({ ...bytes }) }
}

class PrometheusComponent implements Metrics {
  readonly #registry: Registry
  readonly #bytes: { sent: number; received: number }
  readonly #values = new Map<string, Set<string>>()

  constructor(registry: Registry, bytes: { sent: number; received: number }) {
    this.#registry = registry
    this.#bytes = bytes
  }

  trackMultiaddrConnection(connection: MultiaddrConnection): void {
    const bytes = this.#bytes
    // No listener: libp2p gives what it holds back to the first one, which must not be this.
    const dispatch = connection.dispatchEvent.bind(connection)
    connection.dispatchEvent = (event) => {
      if (event.type === 'message' && 'data' in event) bytes.received += (event.data as Uint8Array).byteLength
      return dispatch(event)
    }
    const send = connection.send.bind(connection)
    connection.send = (data) => {
      bytes.sent += data.byteLength
      return send(data)
    }
  }

  /** See above. */
  trackProtocolStream(): void {}

  registerMetric(name: string, options: MetricOptions & Single = {}): Metric {
    const gauge = this.#gauge(name, options, [], async (own) => { if (options.calculate !== undefined) own.set(await options.calculate()) })
    return {
      update: (value) => { gauge.set(value) }, increment: (by = 1) => { gauge.inc(by) }, decrement: (by = 1) => { gauge.dec(by) },
      reset: () => { gauge.reset() }, timer: () => gauge.startTimer(),
    }
  }

  registerMetricGroup(name: string, options: MetricOptions & Grouped = {}): MetricGroup {
    const label = labelOf(options)
    // What only grows, and says so, is a counter, though libp2p registers it as a gauge.
    if (name.endsWith('_total') && options.calculate === undefined) {
      const counters = this.registerCounterGroup(name, options)
      return { ...counters, update: (values) => { counters.increment(values) }, decrement: () => undefined, timer: () => () => undefined }
    }
    const gauge = this.#gauge(name, options, [label], async (own) => {
      if (options.calculate === undefined) return
      const values = await options.calculate()
      own.reset()
      for (const [value, figure] of Object.entries(values)) own.inc({ [label]: this.#bounded(name, value) }, figure)
    })
    const each = (values: object, apply: (labels: Record<string, string>, figure: number) => void): void => { this.#each(name, label, values, apply) }
    return {
      update: (values) => { each(values, (labels, figure) => { gauge.set(labels, figure) }) },
      increment: (values) => { each(values, (labels, figure) => { gauge.inc(labels, figure) }) },
      decrement: (values) => { each(values, (labels, figure) => { gauge.dec(labels, figure) }) },
      reset: () => { gauge.reset() },
      timer: (value) => gauge.startTimer({ [label]: this.#bounded(name, value) }),
    }
  }

  registerCounter(name: string, options: MetricOptions & Single = {}): Libp2pCounter {
    const counter = this.#counter(name, options, [], async (own) => { if (options.calculate !== undefined) own.inc(await options.calculate()) })
    return { increment: (by = 1) => { counter.inc(by) }, reset: () => { counter.reset() } }
  }

  registerCounterGroup(name: string, options: MetricOptions & Grouped = {}): CounterGroup {
    const label = labelOf(options)
    const counter = this.#counter(name, options, [label], async (own) => {
      if (options.calculate === undefined) return
      for (const [value, figure] of Object.entries(await options.calculate())) own.inc({ [label]: this.#bounded(name, value) }, figure)
    })
    return { increment: (values) => { this.#each(name, label, values, (labels, figure) => { counter.inc(labels, figure) }) }, reset: () => { counter.reset() } }
  }

  registerHistogram(name: string, options: HistogramOptions & Single = {}): Libp2pHistogram {
    const histogram = this.#histogram(name, options, [], async (own) => { if (options.calculate !== undefined) own.observe(await options.calculate()) })
    return { observe: (value) => { histogram.observe(value) }, reset: () => { histogram.reset() }, timer: () => histogram.startTimer() }
  }

  registerHistogramGroup(name: string, options: HistogramOptions & Grouped = {}): HistogramGroup {
    const label = labelOf(options)
    const observe = (own: Histogram, values: object): void => { this.#each(name, label, values, (labels, value) => { own.observe(labels, value) }) }
    const histogram = this.#histogram(name, options, [label], async (own) => { if (options.calculate !== undefined) observe(own, await options.calculate()) })
    return { observe: (values) => { observe(histogram, values) }, reset: () => { histogram.reset() }, timer: (value) => histogram.startTimer({ [label]: this.#bounded(name, value) }) }
  }

  /** As a histogram, which can be added up over nodes. */
  registerSummary(name: string, options: MetricOptions & Single = {}): Libp2pHistogram {
    return this.registerHistogram(name, options)
  }

  registerSummaryGroup(name: string, options: MetricOptions & Grouped = {}): HistogramGroup {
    return this.registerHistogramGroup(name, options)
  }

  traceFunction<F>(_name: string, traced: F): F {
    return traced
  }

  createTrace(): void {}

  // Encrypters and listeners are made more than once, and then share what they count.

  #gauge(libp2pName: string, { help }: MetricOptions, labelNames: string[], collect: (own: Gauge) => Promise<void>): Gauge {
    const name = libp2pName.replace(/_total$/, '')
    return known(this.#registry, name, Gauge) ?? new Gauge({ name, help: helpOf(name, help), labelNames, registers: [this.#registry], collect() { return collect(this) } })
  }

  #counter(libp2pName: string, { help }: MetricOptions, labelNames: string[], collect: (own: Counter) => Promise<void>): Counter {
    const name = libp2pName.replace(/(?:_total)?$/, '_total')
    return known(this.#registry, name, Counter) ?? new Counter({ name, help: helpOf(name, help), labelNames, registers: [this.#registry], collect() { return collect(this) } })
  }

  #histogram(name: string, { help, buckets }: HistogramOptions, labelNames: string[], collect: (own: Histogram) => Promise<void>): Histogram {
    return known(this.#registry, name, Histogram)
      ?? new Histogram({ name, help: helpOf(name, help), labelNames, registers: [this.#registry], ...(buckets === undefined ? {} : { buckets }), collect() { return collect(this) } })
  }

  #each(name: string, label: string, values: object, apply: (labels: Record<string, string>, figure: number) => void): void {
    for (const [value, figure] of Object.entries(values as Readonly<Record<string, number | true | undefined>>)) {
      if (figure !== undefined) apply({ [label]: this.#bounded(name, value) }, figure === true ? 1 : figure)
    }
  }

  #bounded(name: string, value: string): string {
    const values = this.#values.get(name) ?? new Set()
    this.#values.set(name, values)
    if (values.has(value)) return value
    if (values.size >= LABEL_VALUES_MAX) return OTHER
    values.add(value)
    return value
  }
}

function known<T extends Gauge | Counter | Histogram>(registry: Registry, name: string, kind: new (...args: never[]) => T): T | null {
  const metric = registry.getSingleMetric(name)
  return metric instanceof kind ? metric : null
}

function labelOf({ label }: MetricOptions): string {
  return label ?? 'kind'
}

function helpOf(name: string, help: string | undefined): string {
  return help ?? `As libp2p counts it: ${name.replace(/^libp2p_/, '').replaceAll('_', ' ')}.`
}
