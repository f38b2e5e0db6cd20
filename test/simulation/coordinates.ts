/**
 * Coordinates against simulated truths: the scenarios of Serf's coordinate/performance_test.go. In each cycle every node measures one random
 * other exactly (and nobody where the draw hits itself); afterwards the estimates of all pairs are compared with the truth.
 */
import { estimateRttMs } from '../../src/core/coordinates/coordinate.ts'
import { NetworkCoordinates, type NetworkCoordinatesOptions } from '../../src/core/coordinates/network-coordinates.ts'
import type { Coordinate } from '../../src/core/coordinates/types.ts'
import { createRandom, randomInteger, type Random } from '../../src/core/time/random.ts'

/** Round trip in ms between two nodes, by index; symmetric. */
export type Truth = (a: number, b: number) => number

export type CoordinateScenario = 'line' | 'grid' | 'split' | 'circle' | 'random'

export interface CoordinateError {
  /** Of |estimate − truth| / truth over all pairs. */
  readonly meanErrorRatio: number
  readonly maxErrorRatio: number
}

const SPACING_MS = 10
const LAN_MS = 1
const WAN_MS = 10
const RADIUS_MS = 100
const RANDOM_MEAN_MS = 100
const RANDOM_DEVIATION_MS = 10

export function createTruth(scenario: CoordinateScenario, nodes: number, random: Random): Truth {
  switch (scenario) {
    case 'line': return (a, b) => SPACING_MS * Math.abs(a - b)
    case 'grid': {
      const columns = Math.floor(Math.sqrt(nodes))
      return (a, b) => SPACING_MS * Math.hypot((a % columns) - (b % columns), Math.floor(a / columns) - Math.floor(b / columns))
    }
    case 'split': {
      const isWest = (node: number): boolean => node <= Math.floor(nodes / 2)
      return (a, b) => LAN_MS + (isWest(a) === isWest(b) ? 0 : WAN_MS)
    }
    case 'circle': {
      // Node 0 is equally far from all, twice the radius: in the middle, and high above it.
      const chordMs = (a: number, b: number): number => 2 * RADIUS_MS * Math.abs(Math.sin((Math.PI * (a - b)) / nodes))
      return (a, b) => (a === 0 || b === 0 ? 2 * RADIUS_MS : chordMs(a, b))
    }
    case 'random': {
      const drawn = Array.from({ length: nodes }, () => Array.from({ length: nodes }, () => RANDOM_MEAN_MS + RANDOM_DEVIATION_MS * normal(random)))
      return (a, b) => drawn[Math.min(a, b)]?.[Math.max(a, b)] as number
    }
  }
}

export function createNodes(nodes: number, random: Random, options: (node: number) => NetworkCoordinatesOptions = () => ({})): NetworkCoordinates[] {
  return Array.from({ length: nodes }, (_, node) => new NetworkCoordinates({ random, options: options(node) }))
}

export function runCycles(nodes: readonly NetworkCoordinates[], { truth, cycles, random }: { readonly truth: Truth; readonly cycles: number; readonly random: Random }): void {
  for (let cycle = 0; cycle < cycles; cycle++) {
    nodes.forEach((node, a) => {
      const b = randomInteger(random, nodes.length)
      if (a !== b) node.handleSample(String(b), truth(a, b), (nodes[b] as NetworkCoordinates).self)
    })
  }
}

export function errorOf(coordinates: readonly Coordinate[], truth: Truth): CoordinateError {
  let sum = 0
  let pairs = 0
  let max = 0
  coordinates.forEach((a, i) => {
    coordinates.slice(i + 1).forEach((b, offset) => {
      const truthMs = truth(i, i + 1 + offset)
      const ratio = Math.abs(estimateRttMs(a, b) - truthMs) / truthMs
      sum += ratio
      pairs++
      max = Math.max(max, ratio)
    })
  })
  return { meanErrorRatio: pairs === 0 ? 0 : sum / pairs, maxErrorRatio: max }
}

/** One experiment; the same arguments give the same figures. */
export function coordinateError(
  scenario: CoordinateScenario, { nodes, cycles, seed, dimensions = 8 }: { readonly nodes: number; readonly cycles: number; readonly seed: number; readonly dimensions?: number },
): CoordinateError {
  const random = createRandom(seed)
  const truth = createTruth(scenario, nodes, random)
  const machines = createNodes(nodes, random, () => ({ dimensions }))
  runCycles(machines, { truth, cycles, random })
  return errorOf(machines.map(({ self }) => self), truth)
}

/** Standard normal (Box and Muller). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
