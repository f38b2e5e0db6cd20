import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { COMPONENT_MS_MAX, ERROR_MAX, originCoordinate } from '../../../src/core/coordinates/coordinate.ts'
import type { Coordinate } from '../../../src/core/coordinates/types.ts'
import * as wire from '../../../src/wire/generated/membership.ts'
import { COORDINATE_BYTES, coordinateFromWire, coordinateToWire } from '../../../src/wire/membership-coordinate.ts'

const component = fc.float({ min: -COMPONENT_MS_MAX, max: COMPONENT_MS_MAX, noNaN: true })
const coordinates: fc.Arbitrary<Coordinate> = fc.record({
  vectorMs: fc.array(component, { minLength: 8, maxLength: 8 }),
  heightMs: fc.float({ min: 0, max: COMPONENT_MS_MAX, noNaN: true }),
  adjustmentMs: component,
  error: fc.float({ min: 0, max: ERROR_MAX, noNaN: true }),
})

function packetBytes(coordinate: Coordinate): number {
  return wire.Packet.encode({ updates: [], reports: [], coordinate: coordinateToWire(coordinate) }).length
}

describe('coordinates on the wire', () => {
  it('come back as they were, within the bytes that are reserved for them', () => {
    fc.assert(fc.property(coordinates, (coordinate) => {
      const decoded = wire.Packet.decode(wire.Packet.encode({ updates: [], reports: [], coordinate: coordinateToWire(coordinate) }))
      // Protobuf leaves out zeros, the negative one among them.
      const plain = { ...coordinate, heightMs: coordinate.heightMs + 0, adjustmentMs: coordinate.adjustmentMs + 0, error: coordinate.error + 0 }
      expect(decoded.coordinate === undefined ? null : coordinateFromWire(decoded.coordinate)).toEqual(plain)
      expect(packetBytes(coordinate)).toBeLessThanOrEqual(COORDINATE_BYTES)
    }), { numRuns: 200 })
    expect(packetBytes({ vectorMs: new Array<number>(8).fill(1.1), heightMs: 1.1, adjustmentMs: -1.1, error: 1.1 })).toBe(COORDINATE_BYTES)
  })

  it('lose less than a microsecond', () => {
    const sent: Coordinate = { vectorMs: [0.1, -123.456_789, 987.654_321, 0, 1 / 3, -2 / 3, 1e-6, 500.000_1], heightMs: 12.345_678, adjustmentMs: -0.123_456_789, error: 0.123_456_789 }
    const bytes = wire.Coordinate.encode(coordinateToWire(sent))
    const received = coordinateFromWire(wire.Coordinate.decode(bytes)) as Coordinate
    received.vectorMs.forEach((componentMs, i) => { expect(Math.abs(componentMs - (sent.vectorMs[i] as number))).toBeLessThan(0.001) })
    expect(received.heightMs).toBeCloseTo(sent.heightMs, 3)
    expect(received.adjustmentMs).toBeCloseTo(sent.adjustmentMs, 3)
    expect(received.error).toBeCloseTo(sent.error, 6)
  })

  it('are read where the bytes of a longer buffer begin', () => {
    const { vector, ...rest } = coordinateToWire({ ...originCoordinate(), vectorMs: [1, 2, 3, 4, 5, 6, 7, 8] })
    const longer = new Uint8Array(vector.length + 5).fill(0xff)
    longer.set(vector, 3)
    expect(coordinateFromWire({ ...rest, vector: longer.subarray(3, 3 + vector.length) })?.vectorMs).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  it.each<[string, Partial<Coordinate>]>([
    ['not a number in the vector', { vectorMs: [NaN, 0, 0, 0, 0, 0, 0, 0] }],
    ['infinity in the vector', { vectorMs: [0, 0, 0, 0, 0, 0, 0, -Infinity] }],
    ['a place too far away', { vectorMs: [0, 0, 0, -60_001, 0, 0, 0, 0] }],
    ['a height that is not a number', { heightMs: NaN }],
    ['a negative height', { heightMs: -0.1 }],
    ['a height too large', { heightMs: 60_001 }],
    ['an adjustment that is not a number', { adjustmentMs: NaN }],
    ['an adjustment too large', { adjustmentMs: -60_001 }],
    ['an error that is not a number', { error: NaN }],
    ['a negative error', { error: -0.1 }],
    ['an error above the initial one', { error: 1.6 }],
  ])('are refused: %s', (_, wrong) => {
    expect(coordinateFromWire(coordinateToWire({ ...originCoordinate(), ...wrong }))).toBeNull()
  })

  it.each([0, 28, 31, 33, 36])('are refused with a vector of %i bytes', (length) => {
    expect(coordinateFromWire({ ...coordinateToWire(originCoordinate()), vector: new Uint8Array(length) })).toBeNull()
  })
})
