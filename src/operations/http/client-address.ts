import { isIPv6 } from 'node:net'
import { isLoopback } from './protection.ts'

/** Whom bounds by address mean: who has one address of IPv6 has its whole /64. */
export function sourceOf(remoteAddress: string): string {
  const [address = ''] = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, '').split('%')
  if (!isIPv6(address) || isLoopback(address)) return address
  const [front = '', back] = address.split('::')
  const head = front === '' ? [] : front.split(':')
  const tail = back === undefined || back === '' ? [] : back.split(':')
  const zeros = back === undefined ? [] : Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => '0')
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(':')}::/64`
}
