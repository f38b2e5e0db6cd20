/**
 * Bytes per node and second while ten of a thousand crash (Rapid ATC'18 §7, table of network use): each node's mean over the run, each way, and of
 * each node's seconds the 99th percentile. Datagrams with header and seal, announcements and syncs by the cost models of test/simulation/traffic.ts.
 */
import { LOAD_OPTIONS } from '../../../src/core/load/options.ts'
import { createMesh } from '../configurations.ts'
import type { Experiment } from '../experiment.ts'
import { ANNOUNCEMENT_CONTROL_BYTES, ANNOUNCEMENT_COPIES, ANNOUNCEMENT_OVERHEAD_BYTES } from '../../../test/simulation/traffic.ts'
import { meanOf, quantileOf, rounded } from '../statistics.ts'

const CRASHED = 10
const DURATION_S = 300
const CRASH_AT_S = 20
const LOAD_INTERVAL_S = LOAD_OPTIONS.intervalMs.default / 1000
/** A snapshot of a node with a few databases. */
const LOAD_BYTES = 90

export const bytes: Experiment = {
  summary: 'bytes per node and second each way while ten crash, mean and 99th percentile (Rapid)',
  nodes: 1000,
  quickNodes: 100,
  run: ({ nodes, seed, progress }) => {
    const mesh = createMesh({ nodes, seed, safety: false, onEvent: () => {} })
    mesh.startJoined()
    mesh.runFor(10_000)
    const received: number[] = []
    const sent: number[] = []
    const readings = new Map<number, { received: number; sent: number }>()
    const read = (index: number): { received: number; sent: number } => {
      const traffic = mesh.traffic(index)
      // Gossipsub passes on as much as it takes in.
      return {
        received: traffic.datagramBytesReceived + traffic.announcementBytesReceived + traffic.syncBytesReceived,
        sent: traffic.datagramBytesSent + traffic.announcementBytesReceived + traffic.syncBytesSent,
      }
    }
    for (const index of mesh.running()) readings.set(index, read(index))
    let announcements = mesh.totals.announcements
    for (let second = 0; second < DURATION_S; second++) {
      if (second === CRASH_AT_S) for (const victim of mesh.choose(Math.max(1, Math.round(CRASHED * nodes / 1000)))) mesh.crash(victim)
      mesh.runFor(1000)
      if (second % 20 === 19) progress(`${second + 1} of ${DURATION_S} s`)
      for (const index of mesh.running()) {
        const now = read(index)
        const before = readings.get(index) ?? now
        received.push(now.received - before.received)
        sent.push(now.sent - before.sent)
        readings.set(index, now)
      }
    }
    announcements = mesh.totals.announcements - announcements
    const load = nodes / LOAD_INTERVAL_S * (ANNOUNCEMENT_COPIES * (ANNOUNCEMENT_OVERHEAD_BYTES + LOAD_BYTES) + ANNOUNCEMENT_CONTROL_BYTES)
    return {
      receivedMean: rounded(meanOf(received), 0), receivedP99: quantileOf(received, 0.99), sentMean: rounded(meanOf(sent), 0), sentP99: quantileOf(sent, 0.99),
      receivedMax: received.reduce((most, value) => Math.max(most, value), 0), announcements, loadGossipMean: rounded(load, 0),
    }
  },
  findings: (medians, nodes) => {
    const kilobytes = (name: string): number => rounded((medians[name] ?? NaN) / 1000)
    return [
      {
        figure: `Bytes per node and second, N = ${nodes}, 10 crashes: mean received / sent`, asked: '≤ 0.6 KB/s each way', published: '', baseline: '',
        ours: `${kilobytes('receivedMean')} / ${kilobytes('sentMean')} KB/s`, isMet: kilobytes('receivedMean') <= 0.6 && kilobytes('sentMean') <= 0.6,
      },
      {
        figure: 'the same, 99th percentile', asked: '≤ 3.7 KB/s each way', published: '', baseline: '', ours: `${kilobytes('receivedP99')} / ${kilobytes('sentP99')} KB/s (most in one second: ${kilobytes('receivedMax')} KB)`,
        isMet: kilobytes('receivedP99') <= 3.7 && kilobytes('sentP99') <= 3.7,
      },
      { figure: 'load gossip apart, by the cost model', asked: '', published: '', baseline: '', ours: `${kilobytes('loadGossipMean')} KB/s each way at N = ${nodes}, a snapshot per node and ${LOAD_INTERVAL_S} s`, isMet: null },
    ]
  },
}
