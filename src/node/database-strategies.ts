/** Which strategy chooses for which database, each with a cursor of its own for every database. */
import { type StrategyFactory, StrategySet } from '../core/routing/strategies/registry.ts'
import type { RoutingStrategy } from '../core/routing/strategies/strategy.ts'
import type { Random } from '../core/time/random.ts'

export interface DatabaseStrategiesInit {
  /** For databases that name none. */
  readonly standard: string
  /** By database. */
  readonly ofDatabase: ReadonlyMap<string, string>
  /** The owner's own, by name. */
  readonly custom?: Readonly<Record<string, StrategyFactory>>
  readonly random: Random
}

/** Databases whose cursors are kept; queries may name what nobody serves. */
const DATABASES_MAX = 256

interface Choice {
  readonly standard: RoutingStrategy
  readonly byName: StrategySet
}

export class DatabaseStrategies {
  readonly #init: DatabaseStrategiesInit
  readonly #ofDatabase: Map<string, string>
  readonly #choices = new Map<string, Choice>()

  /** @throws MeshError ERR_OPTION_INVALID for a strategy that does not exist */
  constructor(init: DatabaseStrategiesInit) {
    this.#init = init
    this.#ofDatabase = new Map(init.ofDatabase)
    const names = this.#make('')
    for (const name of init.ofDatabase.values()) names.byName.get(name)
  }

  of(database: string): Choice {
    const known = this.#choices.get(database)
    if (known !== undefined) {
      this.#choices.delete(database)
      this.#choices.set(database, known)
      return known
    }
    const choice = this.#make(database)
    if (this.#choices.size >= DATABASES_MAX) this.#dropOldest()
    this.#choices.set(database, choice)
    return choice
  }

  /** The name of the one that chooses for it. */
  nameOf(database: string): string {
    return this.#ofDatabase.get(database) ?? this.#init.standard
  }

  /**
   * From its next query on; null: the standard one again.
   * @throws MeshError ERR_OPTION_INVALID for a strategy that does not exist, with which nothing changes
   */
  set(database: string, name: string | null): void {
    if (name === null) this.#ofDatabase.delete(database)
    else {
      this.#make('').byName.get(name)
      this.#ofDatabase.set(database, name)
    }
    this.#choices.delete(database)
  }

  /** Of those that were asked for last time longest ago; names that nobody serves come and go, and leave the others alone. */
  #dropOldest(): void {
    for (const name of this.#choices.keys()) {
      this.#choices.delete(name)
      return
    }
  }

  #make(database: string): Choice {
    const { standard, custom = {}, random } = this.#init
    const byName = new StrategySet({ custom, random })
    return { standard: byName.get(this.#ofDatabase.get(database) ?? standard), byName }
  }
}
