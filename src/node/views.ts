/** What the machines tell, as the control protocol shows it: names for PeerIds, wall-clock times for monotonic ones. */
import type { MemberEvent, MemberRecord, Path } from '../core/membership/types.ts'
import type { Clock } from '../ports/clock.ts'
import type { MemberEventView, MemberRecordView, PathView } from '../wire/control.ts'

interface ViewParts {
  readonly clock: Clock
  readonly nameOf: (peerId: string) => string
}

/** The wall clock is cut to whole milliseconds and the two are not read at once; only one that was set, or has drifted, moves further. */
const offsetJitterMs = 2
const offsetsMs = new WeakMap<Clock, number>()

/** The later of two times is never shown as the earlier one, unless the wall clock was set between. */
export function wallOf(clock: Clock, monotonicMs: number): number {
  const readMs = clock.wallMs() - clock.nowMs()
  const heldMs = offsetsMs.get(clock)
  const offsetMs = heldMs !== undefined && Math.abs(readMs - heldMs) <= offsetJitterMs ? heldMs : readMs
  offsetsMs.set(clock, offsetMs)
  return Math.round(offsetMs + monotonicMs)
}

export function recordView(record: MemberRecord): MemberRecordView {
  const { datagramPublicKey: _, ...rest } = record
  return rest
}

export function memberEventView(event: MemberEvent, { clock, nameOf }: ViewParts): MemberEventView {
  const { type, atMs, record, from, reason, sinceProbeMs, evidence, suspectedBy, confirmedBy, probeMs, suspicionMs } = event
  return {
    type, atWallMs: wallOf(clock, atMs), record: recordView(record), name: nameOf(record.peerId), from: nameOf(from), reason, sinceProbeMs, evidence,
    suspectedBy: suspectedBy === null ? null : nameOf(suspectedBy), confirmedBy: confirmedBy.map(nameOf), probeMs, suspicionMs,
  }
}

export function pathView(path: Path, member: { readonly record: MemberRecord } & Pick<PathView, 'state' | 'denied'>, { clock, nameOf }: ViewParts): PathView {
  const { peerId, udpHost, udpPort, tcpMultiaddrs } = member.record
  const wall = (monotonicMs: number | null): number | null => (monotonicMs === null ? null : wallOf(clock, monotonicMs))
  return {
    peerId, name: nameOf(peerId), state: member.state, finding: path.finding, sinceWallMs: wallOf(clock, path.sinceMs), udp: hostPort(udpHost, udpPort),
    tcp: tcpMultiaddrs[0] ?? null, lastAckWallMs: wall(path.lastAckMs), lastHeardWallMs: wall(path.lastHeardMs), lastIndirectWallMs: wall(path.lastIndirectMs),
    lastStreamWallMs: wall(path.lastStreamMs), lostInARow: path.lostInARow, denied: member.denied,
  }
}

function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
