import type { MultiaddrConnection } from '@libp2p/interface'
import { describe, expect, it } from 'vitest'
import { createLibp2pMetrics, LABEL_VALUES_MAX } from '../../../../src/operations/metrics/libp2p-metrics.ts'
import { linesOf } from './inspected-node.ts'

describe('libp2p\'s metrics', () => {
  it('that grow and are called _total are counters; values are called otherwise', async () => {
    const { component, registry } = createLibp2pMetrics()
    const events = component().registerMetricGroup('libp2p_tcp_listener_events_total', { label: 'address', help: 'Events.' })
    events.increment({ 'a listen': true, 'a connection': 2 })
    component().registerMetricGroup('libp2p_protocol_streams_total', { label: 'protocol', calculate: () => ({ ping: 3 }) })
    const text = await registry.metrics()
    expect(text).toContain('# TYPE libp2p_tcp_listener_events_total counter')
    expect(linesOf(text, 'libp2p_tcp_listener_events_total')).toEqual(['libp2p_tcp_listener_events_total{address="a listen"} 1', 'libp2p_tcp_listener_events_total{address="a connection"} 2'])
    expect(text).toContain('# TYPE libp2p_protocol_streams gauge')
    expect(linesOf(text, 'libp2p_protocol_streams')).toEqual(['libp2p_protocol_streams{protocol="ping"} 3'])
  })

  it('that are calculated are so at each reading: values as they are, counters added up', async () => {
    const { component, registry } = createLibp2pMetrics()
    let streams: Record<string, number> = { ping: 3, gossip: 1 }
    component().registerMetricGroup('libp2p_streams', { label: 'protocol', calculate: () => streams })
    component().registerMetric('libp2p_peers', { calculate: () => Promise.resolve(4) })
    component().registerCounterGroup('libp2p_dials', { calculate: () => ({ ok: 2 }) })
    await registry.metrics()
    streams = { ping: 5 }
    const text = await registry.metrics()
    expect(linesOf(text, 'libp2p_streams')).toEqual(['libp2p_streams{protocol="ping"} 5'])
    expect(linesOf(text, 'libp2p_peers')).toEqual(['libp2p_peers 4'])
    expect(linesOf(text, 'libp2p_dials_total')).toEqual(['libp2p_dials_total{kind="ok"} 4'])
  })

  it('that are registered twice are one, and those of another node are others', async () => {
    const one = createLibp2pMetrics()
    const two = createLibp2pMetrics()
    for (const { component } of [one, one, two]) component().registerCounter('libp2p_handshakes_total').increment()
    expect(linesOf(await one.registry.metrics(), 'libp2p_handshakes_total')).toEqual(['libp2p_handshakes_total 2'])
    expect(linesOf(await two.registry.metrics(), 'libp2p_handshakes_total')).toEqual(['libp2p_handshakes_total 1'])
  })

  it('have a bound on the values of a label', async () => {
    const { component, registry } = createLibp2pMetrics()
    const errors = component().registerCounterGroup('libp2p_errors_total')
    for (let index = 0; index < LABEL_VALUES_MAX + 6; index++) errors.increment({ [`E${index}`]: true })
    const lines = linesOf(await registry.metrics(), 'libp2p_errors_total')
    expect(lines).toHaveLength(LABEL_VALUES_MAX + 1)
    expect(lines.at(-1)).toBe('libp2p_errors_total{kind="other"} 6')
  })

  it('may be histograms and summaries', async () => {
    const { component, registry } = createLibp2pMetrics()
    component().registerHistogram('libp2p_dial_seconds', { buckets: [1, 2] }).observe(1.5)
    component().registerSummaryGroup('libp2p_wait_seconds', { label: 'queue' }).observe({ dial: 3 })
    const text = await registry.metrics()
    expect(linesOf(text, 'libp2p_dial_seconds_bucket')).toEqual(['libp2p_dial_seconds_bucket{le="1"} 0', 'libp2p_dial_seconds_bucket{le="2"} 1', 'libp2p_dial_seconds_bucket{le="+Inf"} 1'])
    expect(linesOf(text, 'libp2p_wait_seconds_sum')).toEqual(['libp2p_wait_seconds_sum{queue="dial"} 3'])
  })

  it('count the bytes of connections, and let them pass', () => {
    const { component, bytes } = createLibp2pMetrics()
    const passed: unknown[] = []
    const connection = {
      dispatchEvent: (event: Event) => {
        passed.push(event.type)
        return true
      },
      send: (data: Uint8Array) => {
        passed.push(data.byteLength)
        return true
      },
    } as unknown as MultiaddrConnection
    component().trackMultiaddrConnection(connection)
    connection.dispatchEvent(Object.assign(new Event('message'), { data: new Uint8Array(30) }))
    connection.dispatchEvent(new Event('close'))
    connection.send(new Uint8Array(12))
    expect(bytes()).toEqual({ sent: 12, received: 30 })
    expect(passed).toEqual(['message', 'close', 12])
  })
})
