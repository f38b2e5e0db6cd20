import { describe, expect, it } from 'vitest'
import { placeLabels } from '../../../../src/operations/dashboard/page/label-places.ts'

const bounds = { width: 300, height: 200 }
const label = (key: string, x: number, y: number): { key: string; text: string; x: number; y: number; radius: number } => ({ key, text: 'name-of-it', x, y, radius: 5 })

describe('labels on the map', () => {
  it('stand below their mark, or beside it where another is in the way', () => {
    expect(placeLabels([label('a', 0, 0)], bounds)).toEqual([{ key: 'a', x: 0, y: 19, anchor: 'middle' }])
    expect(placeLabels([label('a', 0, 0), label('b', 0, 14)], bounds)[0]).toMatchObject({ key: 'a', anchor: 'start' })
    expect(placeLabels([label('a', 0, 0)], bounds, [{ left: -20, right: 20, top: 8, bottom: 20 }])[0]).toMatchObject({ anchor: 'start' })
  })

  it('stay on the map', () => {
    expect(placeLabels([label('a', 295, 190)], bounds)).toEqual([{ key: 'a', x: 286, y: 194, anchor: 'end' }])
    expect(placeLabels([label('a', -290, 0)], bounds)).toEqual([{ key: 'a', x: -281, y: 4, anchor: 'start' }])
  })

  it('are left out where there is no room, the last first', () => {
    const crowd = Array.from({ length: 60 }, (_, index) => label(String(index), (index % 10) * 12 - 60, Math.floor(index / 10) * 12 - 30))
    const keys = placeLabels(crowd, bounds).map(({ key }) => key)
    expect(keys.length).toBeGreaterThan(5)
    expect(keys.length).toBeLessThan(40)
    expect(keys).toContain('0')
  })
})
