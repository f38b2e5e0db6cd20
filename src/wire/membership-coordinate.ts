/** A network coordinate on the wire: 8 little-endian floats for the vector, three for the rest. */
import { COORDINATE_DIMENSIONS, type Coordinate } from '../core/coordinates/types.ts'
import type * as wire from './generated/membership.ts'

const vectorBytes = 4 * COORDINATE_DIMENSIONS
/** Of the whole field in a packet: 34 for the vector, 5 for each float, tag and length. */
export const COORDINATE_BYTES = 2 + 2 + vectorBytes + 3 * 5
const componentMsMax = 60_000
const errorMax = 10

export function coordinateToWire({ vectorMs, heightMs, adjustmentMs, error }: Coordinate): wire.Coordinate {
  const vector = new Uint8Array(vectorBytes)
  const view = new DataView(vector.buffer)
  for (let dimension = 0; dimension < COORDINATE_DIMENSIONS; dimension++) view.setFloat32(4 * dimension, vectorMs[dimension] ?? 0, true)
  return { vector, heightMs, adjustmentMs, error }
}

/** Null when it is not one: a wrong length, not a number, or out of any network's range. */
export function coordinateFromWire({ vector, heightMs, adjustmentMs, error }: wire.Coordinate): Coordinate | null {
  if (vector.length !== vectorBytes) return null
  const view = new DataView(vector.buffer, vector.byteOffset, vectorBytes)
  const vectorMs = Array.from({ length: COORDINATE_DIMENSIONS }, (_, dimension) => view.getFloat32(4 * dimension, true))
  const isSane = [...vectorMs, heightMs, adjustmentMs].every((value) => Math.abs(value) <= componentMsMax) && heightMs >= 0 && error >= 0 && error <= errorMax
  return isSane ? { vectorMs, heightMs, adjustmentMs, error } : null
}
