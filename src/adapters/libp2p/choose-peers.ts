/**
 * Whom to stay connected to when there are more members than connections. Members stand on a ring in the order of their PeerIds, and
 * each keeps to the members at distance 1, 2, 4, 8 … in both directions (Chord's fingers, Stoica et al. 2001 §4.3), then fills up with its
 * nearest neighbours. So the whole is connected with a diameter of O(log n) by construction, no two nodes need to agree on anything but
 * the list, and a member more or less changes few of the choices. `a` at distance d from `b` is chosen by `b` as well.
 */
export function choosePeers(self: string, members: readonly string[], connectionsMax: number): string[] {
  const ring = [...new Set([...members, self])].sort()
  const others = ring.length - 1
  if (others <= connectionsMax) return ring.filter((peerId) => peerId !== self)
  const at = ring.indexOf(self)
  const chosen = new Set<string>()
  const take = (distance: number): void => {
    const peerId = ring[(at + distance + ring.length) % ring.length]
    if (peerId !== undefined && peerId !== self && chosen.size < connectionsMax) chosen.add(peerId)
  }
  for (let distance = 1; distance <= others / 2 && chosen.size < connectionsMax; distance *= 2) {
    take(distance)
    take(-distance)
  }
  for (let distance = 1; chosen.size < connectionsMax; distance++) {
    take(distance)
    take(-distance)
  }
  return [...chosen]
}
