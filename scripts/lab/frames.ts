/**
 * The kernel leaves checksums to the network card, and behind a tunnel there is none: frames that are sent on from userspace need theirs.
 */

const etherBytes = 14
const protocols = { tcp: 6, udp: 17 } as const

/** Completes the checksum of TCP over IPv4, and takes off that of UDP, which may go without (RFC 768). Everything else stays as it is. */
export function completeChecksum(frame: Uint8Array): void {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  if (frame.length < etherBytes + 20 || view.getUint16(12) !== 0x0800) return
  const segment = etherBytes + 4 * (view.getUint8(etherBytes) & 15)
  const end = etherBytes + view.getUint16(etherBytes + 2)
  const protocol = view.getUint8(etherBytes + 9)
  if (end > frame.length) return
  if (protocol === protocols.udp && end >= segment + 8) view.setUint16(segment + 6, 0)
  if (protocol !== protocols.tcp || end < segment + 20) return
  view.setUint16(segment + 16, 0)
  // The pseudo header: both addresses, the protocol and the length (RFC 9293 §3.1).
  let sum = protocol + end - segment
  for (let at = etherBytes + 12; at < etherBytes + 20; at += 2) sum += view.getUint16(at)
  for (let at = segment; at < end; at += 2) sum += at + 1 < end ? view.getUint16(at) : view.getUint8(at) << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  view.setUint16(segment + 16, ~sum & 0xffff)
}
