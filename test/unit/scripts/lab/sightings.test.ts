import { describe, expect, it } from 'vitest'
import { Sightings } from '../../../../scripts/lab/sightings.ts'

function said(sightings: Sightings, by: number, what: 'joined' | 'failed' | 'left', about: number, atMs: number): void {
  sightings.note({ by, what, about, atMs })
}

describe('sightings', () => {
  it('all agree when each has all others, and nobody more', () => {
    const sightings = new Sightings()
    for (const by of [0, 1, 2]) for (const about of [0, 1, 2]) said(sightings, by, 'joined', about, 1)
    expect(sightings.isAgreed([0, 1, 2])).toBe(true)
    expect(sightings.isAgreed([0, 1])).toBe(false)
    said(sightings, 0, 'failed', 2, 2)
    expect(sightings.isAgreed([0, 1, 2])).toBe(false)
    said(sightings, 1, 'left', 2, 3)
    expect(sightings.isAgreed([0, 1])).toBe(true)
    // As many as there should be, but not the same: host 0 holds 1, not 5.
    said(sightings, 5, 'joined', 0, 4)
    expect(sightings.isAgreed([0, 5])).toBe(false)
  })

  it('a restarted host knows nobody', () => {
    const sightings = new Sightings()
    said(sightings, 0, 'joined', 1, 1)
    sightings.noteStart(0)
    expect([...sightings.present(0)]).toEqual([])
  })

  it('what is asked for begins at its time, and takes the first of each host', () => {
    const sightings = new Sightings()
    said(sightings, 0, 'failed', 2, 5)
    said(sightings, 0, 'failed', 2, 20)
    said(sightings, 0, 'failed', 2, 25)
    expect(sightings.times('failed', 2, [0, 1], 10)).toEqual([20, null])
    expect(sightings.timesOfAll('failed', 2, [0, 1], 10)).toBeNull()
    said(sightings, 1, 'failed', 2, 30)
    expect(sightings.timesOfAll('failed', 2, [0, 1, 2], 10)).toEqual([20, 30])
    expect(sightings.since('failed', 21)).toHaveLength(2)
  })

  it('what a host says about itself is no sighting', () => {
    const sightings = new Sightings()
    said(sightings, 0, 'left', 0, 1)
    expect(sightings.since('left', 0)).toEqual([])
  })
})
