/** A network coordinate on the wire: 8 little-endian floats for the vector, three for the rest. */
import { isPlausible } from '../core/coordinates/coordinate.ts'
import { COORDINATE_DIMENSIONS, type Coordinate } from '../core/coordinates/types.ts'
import type * as wire from './generated/membership.ts'

const vectorBytes = 4 * COORDINATE_DIMENSIONS
/** The most that the field takes in a packet: its own tag and length, those of the vector and its 32 bytes, and a tag with 4 bytes for each of three floats. */
export const COORDINATE_BYTES = 2 + 2 + vectorBytes + 3 * 5

/** What is sent has the precision of a 32-bit float: 0.1 µs at 1 s. */
export function coordinateToWire({ vectorMs, heightMs, adjustmentMs, error }: Coordinate): wire.Coordinate {
  const vector = new Uint8Array(vectorBytes)
  const view = new DataView(vector.buffer)
  vectorMs.slice(0, COORDINATE_DIMENSIONS).forEach((componentMs, dimension) => { view.setFloat32(4 * dimension, componentMs, true) })
  return { vector, heightMs, adjustmentMs, error }
}

/** Null when it is not one: a wrong length, not a finite number, or out of any network's range (core/coordinates/coordinate.ts). */
export function coordinateFromWire({ vector, heightMs, adjustmentMs, error }: wire.Coordinate): Coordinate | null {
  if (vector.length !== vectorBytes) return null
  const view = new DataView(vector.buffer, vector.byteOffset, vectorBytes)
  const vectorMs = Array.from({ length: COORDINATE_DIMENSIONS }, (_, dimension) => view.getFloat32(4 * dimension, true))
  const coordinate = { vectorMs, heightMs, adjustmentMs, error }
  return isPlausible(coordinate) ? coordinate : null
}
