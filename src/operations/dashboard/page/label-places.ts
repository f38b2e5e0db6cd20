/** Which members carry their name on the map, and on which side: as many as fit, the important ones first. */

export interface LabelWanted {
  readonly key: string
  readonly text: string
  /** Of the mark, in px. */
  readonly x: number
  readonly y: number
  readonly radius: number
}

export interface LabelPlace {
  readonly key: string
  readonly x: number
  readonly y: number
  readonly anchor: 'start' | 'middle' | 'end'
}

export interface Box {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

const LINE_HEIGHT = 13
/** Of the system's font at 11 px, on average. */
const CHARACTER_WIDTH = 6.3
const GAP = 4

/**
 * Greedy, in the order given: the first four sides that touch neither a mark nor a label are tried, and who finds none goes without.
 * @param obstacles what else stands on the map
 * @param bounds half the width and height of the map, around 0,0
 */
export function placeLabels(wanted: readonly LabelWanted[], bounds: { readonly width: number; readonly height: number }, obstacles: readonly Box[] = []): LabelPlace[] {
  const taken: Array<Box & { readonly key: string | null }> = obstacles.map((box) => ({ ...box, key: null }))
  for (const { key, x, y, radius } of wanted) taken.push({ key, left: x - radius, right: x + radius, top: y - radius, bottom: y + radius })
  const places: LabelPlace[] = []
  for (const { key, text, x, y, radius } of wanted) {
    const width = text.length * CHARACTER_WIDTH
    const away = radius + GAP
    const sides: LabelPlace[] = [
      { key, x, y: y + away + LINE_HEIGHT - 3, anchor: 'middle' },
      { key, x: x + away, y: y + 4, anchor: 'start' },
      { key, x: x - away, y: y + 4, anchor: 'end' },
      { key, x, y: y - away, anchor: 'middle' },
    ]
    for (const side of sides) {
      const left = side.anchor === 'start' ? side.x : side.anchor === 'end' ? side.x - width : side.x - width / 2
      const box = { key, left, right: left + width, top: side.y - LINE_HEIGHT + 3, bottom: side.y + 3 }
      if (box.left < -bounds.width || box.right > bounds.width || box.top < -bounds.height || box.bottom > bounds.height) continue
      if (taken.some((other) => other.key !== key && overlap(other, box))) continue
      taken.push({ ...box, key: null })
      places.push(side)
      break
    }
  }
  return places
}

function overlap(one: Box, other: Box): boolean {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom
}
