import { describe, expect, it } from 'vitest'
import { InspectedNode, latency, linesOf, member, query } from './inspected-node.ts'

describe('the text', () => {
  it('shows the counters of the node as counters, and values as gauges, in base units', async () => {
    const node = new InspectedNode()
    node.counters = { membershipPingsSent: 12, datagramsDroppedForged: 3, queueWaiting: 4 }
    node.reading = { cpuPercent: 20, memoryPercent: 50, memoryBytes: 4e9, processCpuPercent: 150, eventLoopDelayMs: 2 }
    node.status = { databases: [{ name: 'flights', role: 'replica', engine: 'duckdb', ready: true, lagMs: 1500 }] }
    const text = await node.metrics().text()
    expect(text).toContain('# TYPE reedbase_pings_sent_total counter\nreedbase_pings_sent_total 12\n')
    expect(text).toContain('# TYPE reedbase_queries_waiting gauge\nreedbase_queries_waiting 4\n')
    expect(linesOf(text, 'reedbase_datagrams_dropped_total')).toContain('reedbase_datagrams_dropped_total{reason="forged"} 3')
    expect(linesOf(text, 'reedbase_cpu_ratio')).toEqual(['reedbase_cpu_ratio 0.25'])
    expect(linesOf(text, 'reedbase_node_cpu_cores')).toEqual(['reedbase_node_cpu_cores 1.5'])
    expect(linesOf(text, 'reedbase_event_loop_delay_seconds')).toEqual(['reedbase_event_loop_delay_seconds 0.002'])
    expect(linesOf(text, 'reedbase_database_replication_lag_seconds')).toEqual(['reedbase_database_replication_lag_seconds{database="flights"} 1.5'])
    expect(linesOf(text, 'reedbase_info')).toEqual(['reedbase_info{version="1.2.3",node="self",peer_id="self",datacenter="north",rack="r1"} 1'])
  })

  it('shows a counter as it is now, however often it is read', async () => {
    const node = new InspectedNode()
    const metrics = node.metrics()
    node.counters = { membershipPingsSent: 5 }
    await Promise.all([metrics.text(), metrics.samples(), metrics.text()])
    node.counters = { membershipPingsSent: 6 }
    expect(linesOf(await metrics.text(), 'reedbase_pings_sent_total')).toEqual(['reedbase_pings_sent_total 6'])
  })

  it('is written once for all who ask at the same time', async () => {
    const node = new InspectedNode()
    const metrics = node.metrics()
    const asked = [metrics.text(), metrics.text()]
    const [first, second] = await Promise.all(asked)
    expect(asked[0]).toBe(asked[1])
    node.counters = { membershipPingsSent: 5 }
    expect(second).toBe(first)
    expect(await metrics.text()).not.toBe(first)
  })

  it('has no series where a figure is not known', async () => {
    const text = await new InspectedNode().metrics().text()
    expect(linesOf(text, 'reedbase_event_loop_delay_seconds')).toEqual([])
    expect(linesOf(text, 'reedbase_forward_ratio')).toEqual([])
    expect(linesOf(text, 'reedbase_latency_average_seconds')).toEqual([])
    expect(linesOf(text, 'reedbase_alerts_firing')).toEqual([])
    expect(linesOf(text, 'reedbase_tables_writable')).toEqual([])
  })

  it('shows alerts and tables once they are there; a rule that was resolved shows 0', async () => {
    const metrics = new InspectedNode().metrics()
    const alert = { severity: 'critical', value: 1, threshold: 0, unit: '', summary: '', sinceWallMs: 0, firedAtWallMs: 0, resolvedAtWallMs: null } as const
    metrics.alerts = { list: () => [{ ...alert, rule: 'cpu', subject: 'a', state: 'firing' }, { ...alert, rule: 'cpu', subject: 'b', state: 'firing' }, { ...alert, rule: 'memory', subject: '', state: 'resolved' }] }
    metrics.tables = { bytes: 5, counters: { rowsWritten: 9, rowsDropped: 2 }, problem: () => ({ code: 'disk-full', message: '', sinceWallMs: 0 }) }
    const text = await metrics.text()
    expect(linesOf(text, 'reedbase_alerts_firing')).toEqual(['reedbase_alerts_firing{rule="cpu",severity="critical"} 2', 'reedbase_alerts_firing{rule="memory",severity="critical"} 0'])
    expect(linesOf(text, 'reedbase_tables_writable')).toEqual(['reedbase_tables_writable 0'])
    expect(linesOf(text, 'reedbase_tables_rows_total')).toEqual(['reedbase_tables_rows_total{outcome="written"} 9', 'reedbase_tables_rows_total{outcome="dropped"} 2'])
    expect(linesOf(text, 'reedbase_tables_size_bytes')).toEqual(['reedbase_tables_size_bytes 5'])
  })
})

describe('peers', () => {
  it('have series by their names, with what is known of each; losses count where nothing answered', async () => {
    const node = new InspectedNode()
    node.members.push(member('b', { name: 'remote1', latency: latency(4), load: { cpuPercent: 30, memoryPercent: 10, inFlight: 2, overloaded: false, drill: false, ageMs: 0 } }), member('c', { name: 'remote2', state: 'suspect', status: 'degraded' }), member('d', { name: 'gone', state: 'left' }))
    node.latencies.set('b', latency(4))
    node.latencies.set('c', latency(Infinity, { samples: 0, lossRatio: 1, consecutiveFailures: 2, quality: 0 }))
    const text = await node.metrics().text()
    expect(linesOf(text, 'reedbase_peer_up')).toEqual(['reedbase_peer_up{peer="remote1"} 1', 'reedbase_peer_up{peer="remote2"} 0'])
    expect(linesOf(text, 'reedbase_peer_latency_p99_seconds')).toEqual(['reedbase_peer_latency_p99_seconds{peer="remote1"} 0.008'])
    expect(linesOf(text, 'reedbase_peer_packet_loss_ratio')).toEqual(['reedbase_peer_packet_loss_ratio{peer="remote1"} 0', 'reedbase_peer_packet_loss_ratio{peer="remote2"} 1'])
    expect(linesOf(text, 'reedbase_peer_cpu_ratio')).toEqual(['reedbase_peer_cpu_ratio{peer="remote1"} 0.3'])
    expect(linesOf(text, 'reedbase_peers')).toEqual(['reedbase_peers{status="healthy"} 1', 'reedbase_peers{status="degraded"} 1', 'reedbase_peers{status="unhealthy"} 0'])
    expect(linesOf(text, 'reedbase_latency_average_seconds')).toEqual(['reedbase_latency_average_seconds 0.004'])
  })

  it('beyond 256 have none, and are counted; who leaves takes its series along and makes room', async () => {
    const node = new InspectedNode()
    const metrics = node.metrics()
    const others = Array.from({ length: 260 }, (_, index) => member(`p${index}`))
    node.members.push(...others)
    node.tell((observer) => observer.handleRtt?.('p0', 3, 'datagram'))
    expect(linesOf(await metrics.text(), 'reedbase_peer_up')).toHaveLength(256)
    node.tell((observer) => {
      observer.handleRtt?.('p0', 3, 'datagram')
      observer.handleRtt?.('p259', 3, 'datagram')
    })
    const before = await metrics.text()
    expect(linesOf(before, 'reedbase_peers_unlabelled')).toEqual(['reedbase_peers_unlabelled 4'])
    expect(linesOf(before, 'reedbase_peer_round_trip_seconds_count')).toEqual(['reedbase_peer_round_trip_seconds_count{peer="p0"} 1'])
    node.members = node.members.filter(({ name }) => name !== 'p0')
    const after = await metrics.text()
    expect(after).not.toContain('peer="p0"')
    expect(linesOf(after, 'reedbase_peer_up')).toHaveLength(256)
    expect(linesOf(after, 'reedbase_peers_unlabelled')).toEqual(['reedbase_peers_unlabelled 3'])
  })
})

describe('a peer that is shown by another name', () => {
  it('has series by that name only, and its round trips begin anew', async () => {
    const node = new InspectedNode()
    node.members.push(member('b', { name: 'remote1' }))
    const metrics = node.metrics()
    node.tell((observer) => observer.handleRtt?.('b', 3, 'ping'))
    expect(linesOf(await metrics.text(), 'reedbase_peer_round_trip_seconds_count')).toEqual(['reedbase_peer_round_trip_seconds_count{peer="remote1"} 1'])
    node.members[1] = member('b', { name: 'remote1~abc123' })
    const text = await metrics.text()
    expect(text).not.toContain('peer="remote1"')
    node.tell((observer) => observer.handleRtt?.('b', 3, 'ping'))
    expect(linesOf(await metrics.text(), 'reedbase_peer_round_trip_seconds_count')).toEqual(['reedbase_peer_round_trip_seconds_count{peer="remote1~abc123"} 1'])
  })
})

describe('what is observed', () => {
  it('counts queries by database, outcome and place, and not those on the mesh itself', async () => {
    const node = new InspectedNode()
    node.members.push(member('b', { rack: 'r1' }), member('c', { rack: 'r2' }), member('d', { datacenter: 'south' }))
    const metrics = node.metrics()
    const ran = (peerId: string): void => { node.tell((observer) => observer.handleQuery?.({ ...query, executedBy: { peerId, name: peerId } })) }
    for (const peerId of ['self', 'self', 'b', 'c', 'd', 'unknown']) ran(peerId)
    node.tell((observer) => {
      observer.handleQuery?.({ ...query, sentBy: 'b' })
      observer.handleQuery?.({ ...query, outcome: 'error', executedBy: null, decisionUs: null, rows: 0 })
      observer.handleQuery?.({ ...query, database: 'reedbase' })
    })
    const text = await metrics.text()
    expect(linesOf(text, 'reedbase_locality_hits_total')).toEqual(['reedbase_locality_hits_total{locality="node"} 2', 'reedbase_locality_hits_total{locality="rack"} 1', 'reedbase_locality_hits_total{locality="datacenter"} 1'])
    expect(linesOf(text, 'reedbase_cross_datacenter_queries_total')).toEqual(['reedbase_cross_datacenter_queries_total 1'])
    expect(linesOf(text, 'reedbase_database_queries_total')).toEqual([
      'reedbase_database_queries_total{database="flights",access="read",outcome="ok"} 7', 'reedbase_database_queries_total{database="flights",access="read",outcome="error"} 1',
    ])
    expect(linesOf(text, 'reedbase_query_rows_total')).toEqual(['reedbase_query_rows_total{database="flights"} 21'])
    expect(linesOf(text, 'reedbase_routing_decision_seconds_count')).toEqual(['reedbase_routing_decision_seconds_count 7'])
    expect(linesOf(text, 'reedbase_routing_decision_seconds_bucket').slice(2, 4)).toEqual(['reedbase_routing_decision_seconds_bucket{le="0.000025"} 0', 'reedbase_routing_decision_seconds_bucket{le="0.00005"} 7'])
    expect(linesOf(text, 'reedbase_query_duration_seconds_sum')).toEqual([expect.stringMatching(/\{database="flights"\} 0\.1[56]/)])
  })

  it('names 64 databases, and the others together', async () => {
    const node = new InspectedNode()
    const metrics = node.metrics()
    for (let index = 0; index < 70; index++) node.tell((observer) => observer.handleQuery?.({ ...query, database: `d${index}` }))
    const lines = linesOf(await metrics.text(), 'reedbase_database_queries_total')
    expect(lines).toHaveLength(65)
    expect(lines.at(-1)).toBe('reedbase_database_queries_total{database="other",access="read",outcome="ok"} 6')
  })

  it('counts checks and their failures by kind, and events by type', async () => {
    const node = new InspectedNode()
    const metrics = node.metrics()
    node.tell((observer) => {
      observer.handleRtt?.('b', 3, 'ping')
      observer.handleLost?.('b', 'ping')
      observer.handleLost?.('b', 'datagram')
      observer.handleEvent?.({ type: 'quorum-lost', atWallMs: 0, reason: '', reachable: 1, known: 3, needed: 2 })
    })
    const text = await metrics.text()
    expect(linesOf(text, 'reedbase_health_checks_total')).toEqual(['reedbase_health_checks_total{kind="ping"} 2', 'reedbase_health_checks_total{kind="datagram"} 1'])
    expect(linesOf(text, 'reedbase_health_check_failures_total')).toEqual(['reedbase_health_check_failures_total{kind="ping"} 1', 'reedbase_health_check_failures_total{kind="datagram"} 1'])
    expect(linesOf(text, 'reedbase_events_total')).toEqual(['reedbase_events_total{type="quorum-lost"} 1'])
  })

  it('knows a member from its first event on', async () => {
    const node = new InspectedNode()
    const metrics = node.metrics()
    const late = member('late')
    const event = { type: 'member-joined', atWallMs: 0, record: late.record, name: late.name, from: '', reason: '', sinceProbeMs: null, evidence: null, suspectedBy: null, confirmedBy: [], probeMs: null, suspicionMs: null } as const
    node.tell((observer) => {
      observer.handleRtt?.('late', 3, 'ping')
      observer.handleEvent?.(event)
      observer.handleRtt?.('late', 3, 'ping')
    })
    node.members.push(late)
    expect(linesOf(await metrics.text(), 'reedbase_peer_round_trip_seconds_count')).toEqual(['reedbase_peer_round_trip_seconds_count{peer="late"} 1'])
    node.tell((observer) => observer.handleEvent?.({ ...event, type: 'member-left' }))
    node.members.pop()
    expect(await metrics.text()).not.toContain('peer="late"')
  })

  it('ends with the node', () => {
    const node = new InspectedNode()
    node.metrics()
    expect(node.observers.size).toBe(1)
    for (const close of node.closing) close()
    expect(node.observers.size).toBe(0)
  })
})

describe('rates', () => {
  it('are of the last minute, whoever else reads in between, and of the time since the start before that', async () => {
    const node = new InspectedNode()
    node.nowMs = 10_000
    const metrics = node.metrics()
    node.counters = { datagramsSent: 100, queriesLocal: 15, queriesForwarded: 5 }
    expect(linesOf(await metrics.text(), 'reedbase_message_rate')).toEqual(['reedbase_message_rate 10.5'])
    expect(linesOf(await metrics.text(), 'reedbase_forward_ratio')).toEqual(['reedbase_forward_ratio 0.25'])
    for (node.nowMs = 20_000; node.nowMs <= 600_000; node.nowMs += 7_000) {
      node.counters = { datagramsSent: node.nowMs / 100, queriesLocal: 15, queriesForwarded: 5 }
      await metrics.samples()
    }
    node.nowMs = 600_000
    node.counters = { datagramsSent: 6_000, queriesLocal: 15, queriesForwarded: 5 }
    const text = await metrics.text()
    expect(Number(linesOf(text, 'reedbase_message_rate')[0]?.split(' ')[1])).toBeCloseTo(10, 6)
    expect(linesOf(text, 'reedbase_forward_ratio')).toEqual([])
  })
})

describe('the host', () => {
  it('is waited for once, then read in the background, at most every 15 s', async () => {
    const node = new InspectedNode()
    const metrics = node.metrics()
    expect(linesOf(await metrics.text(), 'reedbase_host_disk_available_bytes')).toEqual(['reedbase_host_disk_available_bytes 40'])
    node.nowMs += 14_999
    await metrics.text()
    expect(node.hostReads).toBe(1)
    const { promise, resolve } = Promise.withResolvers<never>()
    node.host = () => promise
    node.nowMs += 1
    expect(linesOf(await metrics.text(), 'reedbase_host_network_sent_bytes_total')).toEqual(['reedbase_host_network_sent_bytes_total{interface="eth0"} 10'])
    await metrics.text()
    expect(node.hostReads).toBe(2)
    resolve(undefined as never)
  })

  it('that cannot be read any more costs its own series only', async () => {
    const node = new InspectedNode()
    const metrics = node.metrics()
    await metrics.text()
    node.host = () => Promise.reject(new Error('no such file'))
    node.nowMs += 15_000
    await metrics.text()
    const text = await metrics.text()
    expect(linesOf(text, 'reedbase_host_disk_read_bytes_total')).toEqual([])
    expect(linesOf(text, 'reedbase_quorum_held')).toEqual(['reedbase_quorum_held 1'])
  })
})

describe('the samples', () => {
  it('are those of the text without buckets', async () => {
    const node = new InspectedNode()
    node.members.push(member('b'))
    const metrics = node.metrics()
    node.tell((observer) => observer.handleRtt?.('b', 3, 'ping'))
    const samples = await metrics.samples()
    const lines = (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#') && !line.includes('_bucket{'))
    expect(samples).toHaveLength(lines.length)
    expect(samples).toContainEqual({ name: 'reedbase_peer_round_trip_seconds_count', labels: { peer: 'b' }, value: 1 })
    expect(samples).toContainEqual({ name: 'reedbase_members', labels: { state: 'alive' }, value: 1 })
    expect(samples.filter(({ name }) => name.endsWith('_bucket'))).toEqual([])
  })
})
