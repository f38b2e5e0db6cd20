import { describe, expect, it } from 'vitest'
import { ApplicationRegistry, type MetricSettings } from '../../../../src/operations/metrics/application-metrics.ts'
import { linesOf } from './inspected-node.ts'

const help = 'What it means.'

describe('metrics of a program', () => {
  it('stand in the text as they were set', async () => {
    const metrics = new ApplicationRegistry()
    const orders = metrics.counter({ name: 'shop_orders_total', help, labelNames: ['kind'] })
    orders.increase(2, { kind: 'a "b"\n' })
    orders.increase(undefined, { kind: 'c' })
    metrics.gauge({ name: 'shop_open', help }).set(1)
    const times = metrics.histogram({ name: 'shop_checkout_seconds', help, buckets: [0.1, 1] })
    times.observe(0.5)
    times.observe(3)
    const text = await metrics.registry.metrics()
    expect(linesOf(text, 'shop_orders_total')).toEqual(['shop_orders_total{kind="a \\"b\\"\\n"} 2', 'shop_orders_total{kind="c"} 1'])
    expect(linesOf(text, 'shop_open')).toEqual(['shop_open 1'])
    expect(linesOf(text, 'shop_checkout_seconds_bucket')).toEqual(['shop_checkout_seconds_bucket{le="0.1"} 0', 'shop_checkout_seconds_bucket{le="1"} 1', 'shop_checkout_seconds_bucket{le="+Inf"} 2'])
  })

  it.each<[string, Partial<MetricSettings>]>([
    ['a name with a hyphen', { name: 'shop-orders_total' }],
    ['a name of the node', { name: 'reedbase_orders_total' }],
    ['a name of libp2p', { name: 'libp2p_orders_total' }],
    ['a counter without _total', { name: 'shop_orders' }],
    ['a name that the text format makes itself', { name: 'shop_orders_count_total' }],
    ['no help', { help: ' ' }],
    ['a label of histograms', { labelNames: ['le'] }],
    ['a label of Prometheus', { labelNames: ['__name__'] }],
    ['a label twice', { labelNames: ['a', 'a'] }],
    ['nine labels', { labelNames: [...'abcdefghi'] }],
    ['no name', { name: undefined as unknown as string }],
  ])('refuses %s', (_what, settings) => {
    const metrics = new ApplicationRegistry()
    expect(() => metrics.counter({ name: 'shop_orders_total', help, ...settings })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    expect(metrics.registry.getMetricsAsArray()).toEqual([])
  })

  it('refuses a name that is taken, gauges with _total, and buckets that do not rise', () => {
    const metrics = new ApplicationRegistry()
    metrics.gauge({ name: 'shop_open', help })
    expect(() => metrics.gauge({ name: 'shop_open', help })).toThrow(/not taken/)
    expect(() => metrics.gauge({ name: 'shop_open_total', help })).toThrow(/_total/)
    for (const buckets of [[], [1, 1], [2, 1], [Infinity]]) expect(() => metrics.histogram({ name: 'shop_seconds', help, buckets })).toThrow(/rising/)
  })

  it('refuses the metric after the 200th', () => {
    const metrics = new ApplicationRegistry()
    for (let index = 0; index < 200; index++) metrics.gauge({ name: `g${index}`, help })
    expect(() => metrics.gauge({ name: 'g200', help })).toThrow(/at most 200/)
  })

  it('drops and counts what would be the 1,001st series, and labels that are not the metric\'s; the others go on', async () => {
    const metrics = new ApplicationRegistry()
    const gauge = metrics.gauge({ name: 'shop_stock', help, labelNames: ['item'] })
    for (let index = 0; index < 1_010; index++) gauge.set(index, { item: String(index) })
    gauge.set(7, { item: '0' })
    expect(metrics.seriesDropped).toBe(10)
    gauge.set(7)
    gauge.set(7, { thing: 'a' })
    gauge.set(7, { item: '0', thing: 'a' })
    gauge.set(7, { item: 'x'.repeat(201) })
    expect(metrics.seriesDropped).toBe(14)
    const lines = linesOf(await metrics.registry.metrics(), 'shop_stock')
    expect(lines).toHaveLength(1_000)
    expect(lines[0]).toBe('shop_stock{item="0"} 7')
  })

  it('ignores a counter that would fall, and what is no number', async () => {
    const metrics = new ApplicationRegistry()
    const counter = metrics.counter({ name: 'shop_orders_total', help })
    for (const by of [-1, NaN, Infinity]) counter.increase(by)
    counter.increase(0.5)
    metrics.histogram({ name: 'shop_seconds', help }).observe(NaN)
    const text = await metrics.registry.metrics()
    expect(linesOf(text, 'shop_orders_total')).toEqual(['shop_orders_total 0.5'])
    expect(linesOf(text, 'shop_seconds_count')).toEqual(['shop_seconds_count 0'])
  })
})
