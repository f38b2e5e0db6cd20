/** Load and health of this node and its host, and how the peers and the ways to them are. */
import { counted, gauge, gaugeBy, counterBy, ofPeers, type ReadDefinition } from './definition.ts'

const seconds = (ms: number | null | undefined): number | null => (ms === null || ms === undefined ? null : ms / 1000)
const ratio = (percent: number | null | undefined): number | null => (percent === null || percent === undefined ? null : percent / 100)

export const healthMetrics: readonly ReadDefinition[] = [
  gaugeBy({
    name: 'info', unit: 'state', help: 'Always 1. version: of the software. node: its name. peer_id, datacenter, rack: as in its member record.', labels: ['version', 'node', 'peer_id', 'datacenter', 'rack'],
  }, ({ status, self: { record } }) => [[{ version: status.version, node: status.name, peer_id: status.peerId, datacenter: record.datacenter, rack: record.rack }, 1]]),
  gauge({ name: 'start_time_seconds', unit: 'Unix time', help: 'When this node was started.' }, ({ startedWallMs }) => startedWallMs / 1000),

  gauge({ name: 'latency_average_seconds', unit: 'seconds', help: 'Mean of the smoothed round trips to all peers that are up.' }, ({ health }) => seconds(health.latencyMs)),
  gauge({ name: 'packet_loss_ratio', unit: 'ratio', help: 'Mean over all peers that are up of the share of their last 100 pings and datagrams that went unanswered.' }, ({ health }) => health.lossRatio),
  gauge({ name: 'connection_quality_ratio', unit: 'ratio', help: 'Mean quality over all peers that are up: 1 is near, steady and lossless.' }, ({ health }) => health.quality),

  ofPeers({ name: 'peer_up', unit: 'state', help: '1 while the member is alive, 0 while it is joining, suspect or failed.' }, ({ member }) => member.state === 'alive'),
  ofPeers({ name: 'peer_healthy', unit: 'state', help: '1 while this node judges the peer healthy.' }, ({ member }) => member.status === 'healthy'),
  ofPeers({ name: 'peer_latency_seconds', unit: 'seconds', help: 'Smoothed round trip, which routing goes by.' }, ({ latency }) => seconds(latency?.smoothedMs)),
  ofPeers({ name: 'peer_latency_mean_seconds', unit: 'seconds', help: 'Mean of the last 100 round trips.' }, ({ latency }) => seconds(latency?.meanMs)),
  ofPeers({ name: 'peer_latency_p99_seconds', unit: 'seconds', help: '99th percentile of the last 100 round trips.' }, ({ latency }) => seconds(latency?.p99Ms)),
  ofPeers({ name: 'peer_jitter_seconds', unit: 'seconds', help: 'Mean difference between one round trip and the next, over 10 s.' }, ({ traffic }) => seconds(traffic?.jitterMs)),
  ofPeers({ name: 'peer_packet_loss_ratio', unit: 'ratio', help: 'Share of the last 100 pings and datagrams that went unanswered.' }, ({ latency }) => latency?.lossRatio ?? null),
  ofPeers({ name: 'peer_quality_ratio', unit: 'ratio', help: 'Quality of the path: 1 is near, steady and lossless.' }, ({ traffic, latency }) => traffic?.quality ?? latency?.quality ?? null),
  ofPeers({ name: 'peer_bandwidth_bytes_per_second', unit: 'bytes per second', help: 'Rate of results of at least 64 KiB from the peer while they were on their way, over 10 s.' }, ({ traffic }) => traffic?.bandwidthBytesPerSecond ?? null),
  ofPeers({ name: 'peer_failed_checks', unit: 'count', help: 'Checks in a row without an answer.' }, ({ latency }) => latency?.consecutiveFailures ?? null),
  ofPeers({ name: 'peer_cpu_ratio', unit: 'ratio', help: 'CPU use that the peer reports of itself.' }, ({ member }) => ratio(member.load?.cpuPercent)),
  ofPeers({ name: 'peer_memory_ratio', unit: 'ratio', help: 'Memory use that the peer reports of itself.' }, ({ member }) => ratio(member.load?.memoryPercent)),
  ofPeers({ name: 'peer_queries_in_flight', unit: 'count', help: 'Queries that the peer reports to run or to hold.' }, ({ member }) => member.load?.inFlight ?? null),

  gauge({ name: 'cpu_ratio', unit: 'ratio', help: 'CPU use of what the host or the control group grants, whichever is tighter; smoothed, as routing uses it.' }, ({ status }) => ratio(status.load.cpuPercent)),
  gauge({ name: 'memory_ratio', unit: 'ratio', help: 'Memory use of the host or the control group, whichever is tighter; smoothed, as routing uses it.' }, ({ status }) => ratio(status.load.memoryPercent)),
  gauge({ name: 'memory_used_bytes', unit: 'bytes', help: 'Memory in use that the ratio is of.' }, ({ reading }) => reading?.memoryBytes ?? null),
  gauge({ name: 'node_cpu_cores', unit: 'count', help: 'Cores that this process keeps busy, over the last second.' }, ({ reading }) => ratio(reading?.processCpuPercent)),
  gauge({ name: 'event_loop_delay_seconds', unit: 'seconds', help: '99th percentile of how late timers were in the last second.' }, ({ reading }) => seconds(reading?.eventLoopDelayMs)),
  gauge({ name: 'overloaded', unit: 'state', help: '1 while this node is overloaded and sends queries elsewhere.' }, ({ status }) => status.load.overloaded),
  gauge({ name: 'drill_active', unit: 'state', help: '1 during a fire drill, when the load is a made-up one.' }, ({ status }) => status.load.drill),
  counted('load_readings', 'loadReadings', 'Readings of CPU and memory.'),
  counted('load_reading_failures', 'loadReadingFailures', 'Readings of CPU and memory that failed.'),

  counterBy({ name: 'host_disk_read_bytes', unit: 'bytes', help: 'Bytes read from the disks of this host since it started.', labels: [] }, ({ host }) => (host?.disk ? [[{}, host.disk.readBytes]] : [])),
  counterBy({ name: 'host_disk_written_bytes', unit: 'bytes', help: 'Bytes written to the disks of this host since it started.', labels: [] }, ({ host }) => (host?.disk ? [[{}, host.disk.writtenBytes]] : [])),
  gauge({ name: 'host_disk_size_bytes', unit: 'bytes', help: 'Size of the file system that the data folder is on.' }, ({ host }) => host?.folder?.sizeBytes ?? null),
  gauge({ name: 'host_disk_available_bytes', unit: 'bytes', help: 'Room left to this process on the file system that the data folder is on.' }, ({ host }) => host?.folder?.availableBytes ?? null),
  counterBy({ name: 'host_network_received_bytes', unit: 'bytes', help: 'Bytes that an interface received since it is there. interface: its name, of at most 16, without loopback.', labels: ['interface'] },
    ({ host }) => (host?.interfaces ?? []).map(({ name, receivedBytes }) => [{ interface: name }, receivedBytes] as const)),
  counterBy({ name: 'host_network_sent_bytes', unit: 'bytes', help: 'Bytes that an interface sent since it is there. interface: its name, of at most 16, without loopback.', labels: ['interface'] },
    ({ host }) => (host?.interfaces ?? []).map(({ name, sentBytes }) => [{ interface: name }, sentBytes] as const)),
  counterBy({ name: 'host_network_errors', unit: 'count', help: 'Errors of an interface in either direction. interface: its name, of at most 16, without loopback.', labels: ['interface'] },
    ({ host }) => (host?.interfaces ?? []).map(({ name, errors }) => [{ interface: name }, errors] as const)),

  gaugeBy({ name: 'alerts_firing', unit: 'count', help: 'Alerts that fire now, the subjects of a rule counted. rule: as the configuration names it. severity: warning or critical.', labels: ['rule', 'severity'] }, ({ alerts }) => {
    const counts = new Map<string, { readonly labels: { readonly rule: string; readonly severity: string }; count: number }>()
    for (const { rule, severity, state } of alerts ?? []) {
      const entry = counts.get(`${severity} ${rule}`) ?? { labels: { rule, severity }, count: 0 }
      // A rule that was there lately keeps its series at 0, so that its end is seen.
      if (state === 'firing') entry.count++
      counts.set(`${severity} ${rule}`, entry)
    }
    return [...counts.values()].map(({ labels, count }) => [labels, count] as const)
  }),
  gauge({ name: 'tables_size_bytes', unit: 'bytes', help: 'Size of the tables on disk in the data folder; absent where none are written.' }, ({ tables }) => tables?.bytes ?? null),
  gauge({ name: 'tables_writable', unit: 'state', help: '0 while the tables on disk cannot be written; absent where none are.' }, ({ tables }) => (tables === null ? null : tables.problem() === null)),
  counterBy({ name: 'tables_rows', unit: 'count', help: 'Rows for the tables on disk. outcome: written, or dropped (for lack of room, or because the disk could not take them).', labels: ['outcome'] },
    ({ tables }) => (tables === null ? [] : [[{ outcome: 'written' }, tables.counters.rowsWritten], [{ outcome: 'dropped' }, tables.counters.rowsDropped]])),
  counterBy({ name: 'application_series_dropped', unit: 'count', help: 'Values for the program\'s own metrics that were dropped, because their labels would have made one series too many.', labels: [] }, ({ seriesDropped }) => [[{}, seriesDropped]]),
]
