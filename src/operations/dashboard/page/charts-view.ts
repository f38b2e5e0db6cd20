/** Latency, load and queries over time. The canvas is for eyes; the figures under each chart say its last values in text. */
import uPlot from 'uplot'
import { byId, element, setAttribute, setText } from './elements.ts'
import { formatClock, formatMs, formatPercent, formatRate } from './format.ts'
import { type History, HISTORY_SECONDS, type Lines } from './history.ts'
import type { View } from './store.ts'

interface ChartKind {
  readonly id: string
  readonly title: string
  readonly format: (value: number) => string
  readonly axis: (value: number) => string
  /** The upper end at the least. */
  readonly highest: number
  /** Neighbours and other continents on one chart. */
  readonly isLogarithmic?: boolean
  readonly lines: (history: History, selected: string | null) => Lines
  /** What is to be known of the part that the page did not see itself; empty where that is like the rest. */
  readonly unseen: (lines: Lines, seenSince: string) => string
}

const kinds: readonly ChartKind[] = [
  { id: 'chart-latency', title: 'Round trip', format: formatMs, axis: (ms) => (ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`), highest: 0, isLogarithmic: true, lines: (history, selected) => history.members('latencyMs', selected), unseen: (_lines, seenSince) => `by minute to ${seenSince}` },
  { id: 'chart-cpu', title: 'CPU load', format: formatPercent, axis: (percent) => `${percent} %`, highest: 100, lines: (history, selected) => history.members('cpuPercent', selected), unseen: ({ lines }, seenSince) => (lines.length > 1 ? `peers from ${seenSince}` : '') },
  { id: 'chart-rates', title: 'Queries of clients here', format: (rate) => `${formatRate(rate)} /s`, axis: (rate) => `${rate} /s`, highest: 1, lines: (history) => history.rates(), unseen: () => '' },
]

const LINES = 5
const DASHES: ReadonlyArray<readonly number[] | undefined> = [undefined, [6, 3], [2, 3], [9, 3, 2, 3], [1, 2]]
/** A minute at the least, so that the first readings do not race across. */
const SPAN_MIN_SECONDS = 60
/** A canvas is drawn anew once its lines would move by a pixel, and once a second at most. */
const REDRAW_MS = 1000

export function createChartsView(history: History): View {
  const charts = kinds.map((kind) => new Chart(kind))
  let lastDrawnMs = Number.NEGATIVE_INFINITY
  let seen: unknown = null
  let due: ReturnType<typeof setTimeout> | undefined
  let selected: string | null = null

  function draw(): void {
    due = undefined
    lastDrawnMs = performance.now()
    for (const chart of charts) chart.draw(history, selected)
  }

  const scheme = matchMedia('(prefers-color-scheme: dark)')
  scheme.addEventListener('change', () => {
    for (const chart of charts) chart.restyle()
    draw()
  })

  return (state, before) => {
    if (state.live === null) return
    const isAtOnce = state.selected !== before?.selected || state.pasts !== before.pasts
    selected = state.selected
    if (state.live === seen && !isAtOnce) return
    seen = state.live
    const pixelMs = Math.max(...charts.map((chart) => chart.pixelMs()))
    const waitMs = isAtOnce ? 0 : Math.max(REDRAW_MS, pixelMs) - 100 - (performance.now() - lastDrawnMs)
    if (waitMs <= 0) draw()
    else due ??= setTimeout(draw, waitMs)
  }
}

class Chart {
  readonly #kind: ChartKind
  readonly #figure: HTMLElement
  readonly #canvas = element('div', { class: 'canvas' })
  readonly #legend = element('ul', { class: 'chart-legend' })
  readonly #span = element('span', { class: 'hint' }, 'waiting for readings')
  #plot: uPlot | null = null
  #labels = ''
  #lines: Lines = { times: [], lines: [], seenSince: null }
  #size = { width: 0, height: 0 }
  #lastSummaryMs = Number.NEGATIVE_INFINITY

  constructor(kind: ChartKind) {
    this.#kind = kind
    this.#figure = byId(kind.id)
    this.#canvas.setAttribute('role', 'img')
    this.#canvas.setAttribute('aria-label', `${kind.title} over time: no reading yet`)
    this.#figure.append(element('figcaption', { class: 'card-head' }, element('h3', {}, kind.title), this.#span), this.#canvas, this.#legend)
    new ResizeObserver(([entry]) => {
      if (entry === undefined) return
      this.#size = { width: Math.floor(entry.contentRect.width), height: Math.floor(entry.contentRect.height) }
      if (this.#plot === null) this.#render()
      else this.#plot.setSize(this.#size)
    }).observe(this.#canvas)
  }

  /** How long a reading takes to move by a pixel. */
  pixelMs(): number {
    const [from, until] = this.#timeRange()
    return this.#size.width === 0 ? 0 : ((until - from) * 1000) / this.#size.width
  }

  /** Colours are taken when a plot is made. */
  restyle(): void {
    this.#plot?.destroy()
    this.#plot = null
  }

  draw(history: History, selected: string | null): void {
    this.#lines = this.#kind.lines(history, selected)
    if (this.#lines.times.length > 0) setText(this.#span, spanOf(this.#lines, this.#kind.unseen))
    this.#render()
  }

  #render(): void {
    if (this.#size.width === 0 || this.#lines.times.length === 0) return
    const labels = this.#lines.lines.map(({ label }) => label).join('\n')
    if (this.#plot === null || labels !== this.#labels) {
      this.#labels = labels
      this.#plot?.destroy()
      this.#plot = this.#create()
      this.#drawLegend()
    }
    this.#plot.setData([[...this.#lines.times], ...this.#lines.lines.map(({ values }) => [...values])])
    this.#showValues(null)
    this.#summarize()
  }

  #timeRange(): [number, number] {
    const { times } = this.#lines
    const until = times.at(-1) ?? Date.now() / 1000
    return [Math.min(times[0] ?? until, until - SPAN_MIN_SECONDS), until]
  }

  #create(): uPlot {
    const style = getComputedStyle(document.documentElement)
    const colour = (name: string): string => style.getPropertyValue(name).trim()
    const axis: uPlot.Axis = { stroke: colour('--quiet'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif', gap: 4 }
    return new uPlot({
      ...this.#size,
      legend: { show: false },
      cursor: { sync: { key: 'dashboard' }, drag: { x: false, y: false }, points: { size: 5 } },
      // The last time of the axis stands under the end of the lines, half of it beyond.
      padding: [8, 26, 0, 0],
      scales: {
        x: { time: true, range: () => this.#timeRange() },
        y: this.#kind.isLogarithmic === true ? { distr: 3, log: 10, range: (_, min, max) => decades(min, max) } : { range: (_, _min, max) => [0, Math.max(this.#kind.highest, (Number.isFinite(max) ? max : 0) * (this.#kind.highest === 100 ? 1 : 1.1))] },
      },
      axes: [
        { ...axis, size: 22, space: 70, values: [[60, '{HH}:{mm}', null, null, null, null, null, null, 1], [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1]] },
        { ...axis, size: 52, space: 28, ...(this.#kind.isLogarithmic === true ? { splits: (_: uPlot, _axis: number, min: number, max: number) => decadeSplits(min, max), filter: (_: uPlot, splits: number[]) => splits } : {}), values: (_, values) => values.map((value: number | null) => (value === null ? '' : this.#kind.axis(Number(value.toPrecision(3))))) },
      ],
      series: [{}, ...this.#lines.lines.map(({ label }, index) => ({
        label, stroke: colour(`--line-${index % LINES + 1}`), width: 1.5, points: { show: false }, spanGaps: true, ...(DASHES[index % LINES] === undefined ? {} : { dash: [...DASHES[index % LINES] ?? []] }),
      }))],
      hooks: { setCursor: [({ cursor }) => this.#showValues(cursor.idx ?? null)] },
    }, [[], ...this.#lines.lines.map(() => [])], this.#canvas)
  }

  #drawLegend(): void {
    this.#legend.replaceChildren(...this.#lines.lines.map(({ label }, index) => element('li', {}, element('span', { class: 'swatch', 'data-line': String(index % LINES + 1) }), element('span', { class: 'legend-label' }, label), ' ', element('b'))))
  }

  /** Null: the last ones. */
  #showValues(at: number | null): void {
    for (const [index, { values }] of this.#lines.lines.entries()) {
      const target = this.#legend.children[index]?.lastElementChild
      if (target !== null && target !== undefined) setText(target, this.#textOf(values[at ?? values.length - 1] ?? null))
    }
  }

  #textOf(value: number | null): string {
    return value === null ? '–' : this.#kind.format(value)
  }

  /** Not each second: it is a name that assistive technology may repeat. */
  #summarize(): void {
    if (performance.now() - this.#lastSummaryMs < 15_000) return
    this.#lastSummaryMs = performance.now()
    setAttribute(this.#canvas, 'aria-label', `${this.#kind.title} over time. ${this.#lines.lines.map(({ label, values }) => `${label}: ${this.#textOf(values.at(-1) ?? null)}`).join(', ')}.`)
  }
}

/** "last 15 min, peers from 19:03:10"; "since 18:58:02", from when on there is anything. */
function spanOf(lines: Lines, unseen: ChartKind['unseen']): string {
  const [first = 0, last = 0] = [lines.times[0], lines.times.at(-1)]
  const span = last - first > HISTORY_SECONDS - 60 ? 'last 15 min' : `since ${formatClock(first * 1000)}`
  return [span, lines.seenSince === null ? '' : unseen(lines, formatClock(lines.seenSince * 1000))].filter((part) => part !== '').join(', ')
}

/** Each decade, and the steps between them where there are few. */
function decadeSplits(min: number, max: number): number[] {
  const steps = max / min > 150 ? [1] : [1, 2, 5]
  const splits: number[] = []
  for (let decade = min; decade <= max * 1.001; decade *= 10) splits.push(...steps.map((step) => Number((step * decade).toPrecision(1))).filter((split) => split <= max * 1.001))
  return splits
}

/** Whole ones; a line in the middle of one where all values are alike. */
function decades(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null || !(min > 0)) return [0.1, 10]
  const from = Math.floor(Math.log10(min) + 1e-9)
  return [10 ** from, 10 ** Math.max(from + 1, Math.ceil(Math.log10(max) - 1e-9))]
}
