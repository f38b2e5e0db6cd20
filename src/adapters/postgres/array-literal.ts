/** Arrays as PostgreSQL writes them (manual, "Array Input and Output Syntax"): `{1,NULL,"a\"b"}`, nested for more dimensions, with bounds when they do not begin at 1. */

export type ArrayItem = string | null | readonly ArrayItem[]

/** @throws RangeError on what is no array literal */
export function parseArrayLiteral(text: string, delimiter = ','): readonly ArrayItem[] {
  // Bounds such as [0:2]= are positions, not values.
  let at = text.startsWith('[') ? text.indexOf('=') + 1 : 0
  const fail = (): RangeError => new RangeError(`not an array: ${text.slice(0, 80)}`)
  const readItem = (): ArrayItem => {
    const first = text[at]
    if (first === '{') return readArray()
    if (first === '"') {
      let value = ''
      for (at++; text[at] !== '"'; at++) {
        if (text[at] === '\\') at++
        if (at >= text.length) throw fail()
        value += text.charAt(at)
      }
      at++
      return value
    }
    const start = at
    while (at < text.length && text[at] !== delimiter && text[at] !== '}') at++
    const value = text.slice(start, at)
    return value === 'NULL' ? null : value
  }
  const readArray = (): ArrayItem[] => {
    if (text[at] !== '{') throw fail()
    const items: ArrayItem[] = []
    if (text[++at] === '}') {
      at++
      return items
    }
    for (;;) {
      items.push(readItem())
      const next = text[at++]
      if (next === '}') return items
      if (next !== delimiter) throw fail()
    }
  }
  const items = readArray()
  if (at !== text.length) throw fail()
  return items
}

/** Dimensions of an array; null for an empty one, which has none. PostgreSQL allows 6 at most. */
export function dimensionsOf(items: readonly ArrayItem[]): number | null {
  const [first] = items
  if (first === undefined) return null
  return Array.isArray(first) ? (dimensionsOf(first as readonly ArrayItem[]) ?? 0) + 1 : 1
}
