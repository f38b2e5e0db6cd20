/** Metrics of the program that a node is part of. They stand beside the node's own, in the text and in the tables. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { MeshError } from '../../errors.ts'

export const APPLICATION_METRICS_MAX = 200
export const APPLICATION_LABELS_MAX = 8
/** Of one metric. */
export const APPLICATION_SERIES_MAX = 1_000
export const APPLICATION_BUCKETS_MAX = 50
const helpCharsMax = 500
const labelCharsMax = 200

export interface MetricSettings {
  /**
   * Letters, digits and underscores, at most 100, a letter first. The unit stands last, a base unit: `_seconds`, `_bytes`, `_ratio`. A counter ends in
   * `_total`, and nothing else does. `reedbase_`, `libp2p_`, `nodejs_` and `process_` are not the program's.
   */
  readonly name: string
  /** One sentence on what it means. */
  readonly help: string
  /** At most 8. Every set of their values is a series of its own, of at most 1,000; values for further ones are dropped and counted. */
  readonly labelNames?: readonly string[]
}

export interface HistogramSettings extends MetricSettings {
  /** Upper bounds, rising, at most 50. Default: 0.005 to 10, which suits seconds. */
  readonly buckets?: readonly number[]
}

/** A value for each label name. */
export type MetricLabels = Readonly<Record<string, string>>

export interface ApplicationCounter {
  /** By 0 or more; anything else is ignored, as are labels that it does not have. Default: by 1. */
  increase(by?: number, labels?: MetricLabels): void
}

export interface ApplicationGauge {
  set(value: number, labels?: MetricLabels): void
}

export interface ApplicationHistogram {
  observe(value: number, labels?: MetricLabels): void
}

export interface ApplicationMetrics {
  /** @throws MeshError ERR_OPTION_INVALID for a name, help or labels that Prometheus would refuse, and for a name that is taken */
  counter(settings: MetricSettings): ApplicationCounter
  /** @throws MeshError ERR_OPTION_INVALID */
  gauge(settings: MetricSettings): ApplicationGauge
  /** @throws MeshError ERR_OPTION_INVALID */
  histogram(settings: HistogramSettings): ApplicationHistogram
}

const namePattern = /^[a-zA-Z][a-zA-Z0-9_]{0,99}$/
const reservedName = /^(?:reedbase|libp2p|nodejs|process)_/
/** What the text format appends by itself. */
const reservedSuffix = /_(?:total|sum|count|bucket|info)$/
const reservedLabel = /^(?:le|quantile|__.*)$/

export class ApplicationRegistry implements ApplicationMetrics {
  readonly registry = new Registry()
  #seriesDropped = 0

  get seriesDropped(): number {
    return this.#seriesDropped
  }

  counter(settings: MetricSettings): ApplicationCounter {
    if (typeof settings.name === 'string' && !settings.name.endsWith('_total')) refuse(settings.name, 'a counter, whose name ends in _total')
    const metric = new Counter(this.#configuration(settings, 'counter'))
    const admit = this.#admission(settings)
    return { increase: (by = 1, labels = {}) => { if (by >= 0 && Number.isFinite(by) && admit(labels)) metric.inc({ ...labels }, by) } }
  }

  gauge(settings: MetricSettings): ApplicationGauge {
    const metric = new Gauge(this.#configuration(settings, 'gauge'))
    const admit = this.#admission(settings)
    return { set: (value, labels = {}) => { if (typeof value === 'number' && admit(labels)) metric.set({ ...labels }, value) } }
  }

  histogram({ buckets, ...settings }: HistogramSettings): ApplicationHistogram {
    const configuration = this.#configuration(settings, 'histogram')
    const isRising = buckets === undefined || (buckets.length > 0 && buckets.length <= APPLICATION_BUCKETS_MAX && buckets.every((bound, index) => Number.isFinite(bound) && bound > (buckets[index - 1] ?? -Infinity)))
    if (!isRising) refuse(settings.name, `one with other buckets: 1 to ${APPLICATION_BUCKETS_MAX} finite, rising bounds`)
    const metric = new Histogram({ ...configuration, ...(buckets === undefined ? {} : { buckets: [...buckets] }) })
    const admit = this.#admission(settings)
    return { observe: (value, labels = {}) => { if (Number.isFinite(value) && admit(labels)) metric.observe({ ...labels }, value) } }
  }

  #configuration({ name, help, labelNames = [] }: MetricSettings, type: 'counter' | 'gauge' | 'histogram'): { readonly name: string; readonly help: string; readonly labelNames: string[]; readonly registers: Registry[] } {
    if (typeof name !== 'string' || !namePattern.test(name)) refuse(String(name), 'one whose name has up to 100 letters, digits and underscores, a letter first')
    if (reservedName.test(name)) refuse(name, 'one whose name does not begin with reedbase_, libp2p_, nodejs_ or process_')
    if (reservedSuffix.test(type === 'counter' ? name.replace(/_total$/, '') : name)) refuse(name, `a ${type} whose name does not end in _total, _sum, _count, _bucket or _info`)
    if (typeof help !== 'string' || help.trim() === '' || help.length > helpCharsMax) refuse(name, `one with a help of 1 to ${helpCharsMax} characters`)
    const areLabels = Array.isArray(labelNames) && labelNames.length <= APPLICATION_LABELS_MAX && new Set(labelNames).size === labelNames.length
      && labelNames.every((label) => typeof label === 'string' && namePattern.test(label) && !reservedLabel.test(label))
    if (!areLabels) refuse(name, `one with at most ${APPLICATION_LABELS_MAX} different labels of letters, digits and underscores, none of them le or quantile`)
    if (this.registry.getSingleMetric(name) !== undefined) refuse(name, 'one whose name is not taken')
    if (this.registry.getMetricsAsArray().length >= APPLICATION_METRICS_MAX) refuse(name, `one of at most ${APPLICATION_METRICS_MAX}`)
    return { name, help, labelNames: [...labelNames], registers: [this.registry] }
  }

  /** Whether a value may be taken: its labels are those that were given, and there is room for the series. Never throws: metrics must not break what they measure. */
  #admission({ labelNames = [] }: MetricSettings): (labels: MetricLabels) => boolean {
    const expected = [...labelNames]
    const series = new Set<string>()
    return (labels) => {
      const values = expected.map((label) => labels[label])
      const isFit = Object.keys(labels).length === expected.length && values.every((value) => typeof value === 'string' && value.length <= labelCharsMax)
      const key = JSON.stringify(values)
      if (isFit && (series.has(key) || series.size < APPLICATION_SERIES_MAX)) {
        series.add(key)
        return true
      }
      this.#seriesDropped++
      return false
    }
  }
}

function refuse(name: string, taken: string): never {
  throw new MeshError('ERR_OPTION_INVALID', `the metric ${JSON.stringify(name)} cannot be registered: it takes ${taken}`, { nextStep: 'See "Metrics of the program" in docs/guides/library.md.', details: { metric: name } })
}
