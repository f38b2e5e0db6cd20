/** Which addresses a host has. */

export const vxlanPort = 4789

export function addressOf(host: number): string {
  return `10.77.0.${host + 1}`
}

/** Of its end of the tunnel, where a relay delays what it sends. */
export function underlayOf(host: number): string {
  return `10.78.0.${host + 1}`
}

export function macOf(host: number): string {
  return `02:77:00:00:00:${host.toString(16).padStart(2, '0')}`
}

/** Null for any other address, such as those that go to all. */
export function hostOfMac(mac: Uint8Array): number | null {
  return mac.length === 6 && mac[0] === 0x02 && mac[1] === 0x77 && mac[2] === 0 && mac[3] === 0 && mac[4] === 0 ? mac[5] ?? null : null
}
