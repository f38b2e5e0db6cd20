/** All strategies by name, and the set that a node keeps for a database. */
import { MeshError } from '../../../errors.ts'
import type { Random } from '../../time/random.ts'
import { adaptive } from './adaptive.ts'
import { leastConnections } from './least-connections.ts'
import { locality } from './locality.ts'
import { nearest } from './nearest.ts'
import { peakEwma } from './peak-ewma.ts'
import { probePool } from './probe-pool.ts'
import { createRoundRobin } from './round-robin.ts'
import type { RoutingStrategy } from './strategy.ts'
import { createWeightedRoundRobin } from './weighted-round-robin.ts'

/** Makes a strategy with a cursor of its own, if it has one. `random` settles where a cursor starts. */
export type StrategyFactory = (random?: Random) => RoutingStrategy

const factories = {
  'nearest': () => nearest,
  'round-robin': createRoundRobin,
  'least-connections': () => leastConnections,
  'weighted-round-robin': createWeightedRoundRobin,
  'locality': () => locality,
  'adaptive': () => adaptive,
  'peak-ewma': () => peakEwma,
  'probe-pool': () => probePool,
} as const satisfies Record<string, StrategyFactory>

export type StrategyName = keyof typeof factories

export const STRATEGY_NAMES = Object.freeze(Object.keys(factories)) as readonly StrategyName[]

/**
 * A new instance. Its cursor, if any, is its own: keep one for each database (`StrategySet`).
 * @throws MeshError ERR_OPTION_INVALID
 */
export function createStrategy(name: string, random?: Random): RoutingStrategy {
  if (!Object.hasOwn(factories, name)) throw unknownStrategy(name, STRATEGY_NAMES)
  return factories[name as StrategyName](random)
}

/** The strategies of one database, each made when it is first asked for and kept: at most as many as there are names. */
export class StrategySet {
  readonly #custom: Readonly<Record<string, StrategyFactory>>
  readonly #random: Random | undefined
  readonly #made = new Map<string, RoutingStrategy>()

  /** `custom`: strategies of the owner, by name; one of them may stand in for a built-in one. */
  constructor({ custom = {}, random }: { readonly custom?: Readonly<Record<string, StrategyFactory>>; readonly random?: Random } = {}) {
    this.#custom = custom
    this.#random = random
  }

  get names(): readonly string[] {
    return [...new Set<string>([...STRATEGY_NAMES, ...Object.keys(this.#custom)])]
  }

  /** @throws MeshError ERR_OPTION_INVALID */
  get(name: string): RoutingStrategy {
    const known = this.#made.get(name)
    if (known !== undefined) return known
    if (!this.names.includes(name)) throw unknownStrategy(name, this.names)
    const strategy = Object.hasOwn(this.#custom, name) ? (this.#custom[name] as StrategyFactory)(this.#random) : createStrategy(name, this.#random)
    this.#made.set(name, strategy)
    return strategy
  }
}

function unknownStrategy(name: string, known: readonly string[]): MeshError {
  return new MeshError('ERR_OPTION_INVALID', `"${name.slice(0, 40)}" is no routing strategy`, { nextStep: `Choose one of ${known.join(', ')}.`, details: { started: 'no' } })
}
