/** Counters of all parts as one flat list with stable names: `datagrams.dropped.forged` becomes `datagramsDroppedForged`. */
export function flattenCounters(parts: object): Record<string, number> {
  const flat: Record<string, number> = {}
  const visit = (prefix: string, value: unknown): void => {
    if (typeof value === 'number') flat[prefix] = value
    else if (typeof value === 'object' && value !== null) for (const [name, inner] of Object.entries(value)) visit(join(prefix, name), inner)
  }
  visit('', parts)
  return flat
}

function join(prefix: string, name: string): string {
  const words = name.split('-').map((word, index) => (index === 0 && prefix === '' ? word : word.charAt(0).toUpperCase() + word.slice(1)))
  return prefix + words.join('')
}
