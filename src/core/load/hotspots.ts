/**
 * Which tables, and whether this node as a whole, are asked for more often than one node should bear: 1,000 queries a second over
 * the last 60 s, and no longer hot below 80 % of that.
 *
 * Count a query when it arrives, wherever it runs then. What is counted is the demand, which moving queries away does not
 * change; counted where they run, a hot table would cool as soon as its queries are moved, and heat up again when they are not.
 *
 * The window slides by thirtieths: while the newest fills, a steady rate reads up to a thirtieth low, never high. Each has its own table of counts (Space-Saving: Metwally et al., "Efficient Computation of Frequent and Top-k
 * Elements in Data Streams", ICDT 2005), so that ten thousand tables cost as much memory as `tablesMax`. Of each count only the guaranteed
 * part is used, count − error, which gives this bound: with N queries of tables in the window, a table's figure is never above its true count and at most
 * N / tablesMax below it. So nothing is called hot that is not, and with 128 counters at 10,000 queries/s a table that is hot may be read as up to
 * 78/s less.
 */
import { MeshError } from '../../errors.ts'
import { completeOptions, type OptionRange } from '../options/ranges.ts'
import { Deadlines } from '../time/deadlines.ts'

export interface HotspotOptions {
  readonly queriesPerSecond: number
  readonly windowMs: number
  readonly coolRatio: number
  readonly tablesMax: number
  readonly shareToMoveMax: number
}

export const HOTSPOT_OPTIONS: Readonly<Record<keyof HotspotOptions, OptionRange>> = {
  queriesPerSecond: {
    unit: 'per-second', min: 0.1, max: 1_000_000, default: 1_000,
    description: 'Rate over the window at which a table, or the node, is hot. Larger: fewer events; load is spread later.',
  },
  windowMs: {
    unit: 'ms', min: 300, max: 3_600_000, default: 60_000,
    description: 'Time over which the rate is taken. Larger: short peaks are ignored; a lasting one is found later.',
  },
  coolRatio: {
    unit: 'ratio', min: 0.01, max: 1, default: 0.8,
    description: 'Share of the rate below which a hotspot ends. Larger: it ends sooner; a rate that hovers at the threshold flips more often.',
  },
  tablesMax: {
    unit: 'count', min: 1, max: 10_000, default: 128,
    description: 'Tables counted in each thirtieth of the window. Larger: smaller error; more memory, and more time where there are more tables than that.',
  },
  shareToMoveMax: {
    unit: 'ratio', min: 0, max: 1, default: 0.9,
    description: 'Share of a hot table\'s queries that is moved at most. Larger: more relief here; more queries pay for a hop.',
  },
}

/** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
export function parseHotspotOptions(input: Readonly<Partial<HotspotOptions>> = {}): HotspotOptions {
  const options = completeOptions('hotspots', HOTSPOT_OPTIONS, input)
  const { queriesPerSecond, windowMs } = options
  if (queriesPerSecond * windowMs < 1_000) throw new MeshError('ERR_OPTION_INVALID', `hotspots.queriesPerSecond (${queriesPerSecond}) over hotspots.windowMs (${windowMs}) is less than one query: every table would be hot`)
  return options
}

export interface HotspotInput {
  readonly database: string
  /** Without repetition; empty where nobody could tell: then the database as a whole is counted, as the table `null`. */
  readonly tables: readonly string[]
}

export type HotspotSubject =
  | { readonly scope: 'node' }
  /** `table` null: queries of the database whose tables are unknown. */
  | { readonly scope: 'table'; readonly database: string; readonly table: string | null }

export type HotspotEffect = { readonly kind: 'hotspot-detected' | 'hotspot-ended'; readonly subject: HotspotSubject; readonly ratePerSecond: number }

const bucketCount = 30
/** A query of more tables counts for the first of them: what it asks of a client's SQL must have a bound. */
const tablesPerQueryMax = 16
const nameLengthMax = 512

interface Total {
  readonly subject: HotspotSubject
  count: number
  isHot: boolean
}

/** One thirtieth of the window: Space-Saving over subject keys. */
class Bucket {
  readonly #places = new Map<string, number>()
  readonly #keys: string[] = []
  readonly #counts: Float64Array
  readonly #errors: Float64Array
  /** Queries of this node. */
  arrivals = 0
  /** Tables named by them. */
  increments = 0

  constructor(tablesMax: number) {
    this.#counts = new Float64Array(tablesMax)
    this.#errors = new Float64Array(tablesMax)
  }

  /** Null, or the key that made room, with the guaranteed count that is lost with it. O(1), or O(tablesMax) where room must be made. */
  increment(key: string): { readonly key: string; readonly guaranteed: number } | null {
    const place = this.#places.get(key)
    if (place !== undefined) {
      this.#counts[place] = (this.#counts[place] as number) + 1
      return null
    }
    if (this.#keys.length < this.#counts.length) {
      this.#put(key, this.#keys.length, 0)
      return null
    }
    let least = 0
    for (let i = 1; i < this.#counts.length; i++) if ((this.#counts[i] as number) < (this.#counts[least] as number)) least = i
    const leastCount = this.#counts[least] as number
    const evicted = { key: this.#keys[least] as string, guaranteed: leastCount - (this.#errors[least] as number) }
    this.#places.delete(evicted.key)
    this.#put(key, least, leastCount)
    return evicted
  }

  /** Each key with its guaranteed count. */
  * guaranteed(): Generator<readonly [string, number]> {
    for (let i = 0; i < this.#keys.length; i++) yield [this.#keys[i] as string, (this.#counts[i] as number) - (this.#errors[i] as number)]
  }

  clear(): void {
    this.#places.clear()
    this.#keys.length = 0
    this.arrivals = 0
    this.increments = 0
  }

  #put(key: string, place: number, error: number): void {
    this.#places.set(key, place)
    this.#keys[place] = key
    this.#counts[place] = error + 1
    this.#errors[place] = error
  }
}

export class Hotspots {
  readonly options: HotspotOptions
  readonly #bucketMs: number
  readonly #buckets: Bucket[]
  /** Number of the bucket that is being filled: nowMs / bucketMs, rounded down. */
  #current = -Infinity
  /** Over the window, by key. */
  readonly #totals = new Map<string, Total>()
  readonly #node: Total = { subject: { scope: 'node' }, count: 0, isHot: false }
  #hot = 0
  readonly #deadlines = new Deadlines<'slide'>()

  /** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
  constructor(options: Readonly<Partial<HotspotOptions>> = {}) {
    this.options = parseHotspotOptions(options)
    const { windowMs } = this.options
    // Whole milliseconds: a deadline at n of them must lie in the n-th, whatever the rounding.
    this.#bucketMs = Math.ceil(windowMs / bucketCount)
    this.#buckets = Array.from({ length: bucketCount }, () => new Bucket(this.options.tablesMax))
  }

  // --- getters ------------------------------------------------------------------------------------------------------------

  get isNodeHot(): boolean {
    return this.#node.isHot
  }

  get nodeRatePerSecond(): number {
    return this.#rate(this.#node.count)
  }

  /** Tables with a count in the window; at most 30 × tablesMax. */
  get tablesTracked(): number {
    return this.#totals.size
  }

  /** What a table's rate may be read too low by at present, per second. */
  get errorPerSecond(): number {
    let increments = 0
    for (const bucket of this.#buckets) increments += bucket.increments
    return this.#rate(increments / this.options.tablesMax)
  }

  /** `table` null: queries of the database whose tables are unknown. */
  isHot(database: string, table: string | null): boolean {
    return this.#totals.get(keyOf(database, table))?.isHot ?? false
  }

  /** As of the last query or slide, guaranteed: never above the true rate. */
  ratePerSecond(database: string, table: string | null): number {
    return this.#rate(this.#totals.get(keyOf(database, table))?.count ?? 0)
  }

  /** What is hot now, the node first, the others by falling rate. */
  hotspots(): ReadonlyArray<{ readonly subject: HotspotSubject; readonly ratePerSecond: number }> {
    const tables = [...this.#totals.values()].filter(({ isHot }) => isHot).sort((a, b) => b.count - a.count)
    return [...(this.#node.isHot ? [this.#node] : []), ...tables].map(({ subject, count }) => ({ subject, ratePerSecond: this.#rate(count) }))
  }

  /**
   * 0–1: the share of a table's queries to run on other copies. What exceeds the threshold, so that it begins at nothing and grows with
   * the excess; at most what leaves this node an equal part; 0 while the table is not hot. Extension.
   */
  shareToMove(database: string, table: string | null, otherCopies: number): number {
    const total = this.#totals.get(keyOf(database, table))
    if (total === undefined || !total.isHot || !(otherCopies > 0)) return 0
    const excess = 1 - this.options.queriesPerSecond / this.#rate(total.count)
    return Math.max(0, Math.min(excess, otherCopies / (otherCopies + 1), this.options.shareToMoveMax))
  }

  // --- inputs -------------------------------------------------------------------------------------------------------------

  /** A query has arrived. */
  handleQuery(nowMs: number, { database, tables }: HotspotInput): HotspotEffect[] {
    const effects = this.#slide(nowMs)
    const bucket = this.#bucketAt(this.#current)
    bucket.arrivals++
    this.#node.count++
    this.#heat(this.#node, effects)
    if (tables.length === 0) this.#count(bucket, database, null, effects)
    else for (let i = 0; i < Math.min(tables.length, tablesPerQueryMax); i++) this.#count(bucket, database, tables[i] as string, effects)
    return effects
  }

  // --- time ---------------------------------------------------------------------------------------------------------------

  /** Null while nothing is hot: then the window slides with the next query. */
  nextDeadlineMs(): number | null {
    return this.#deadlines.nextMs()
  }

  handleTimeout(nowMs: number): HotspotEffect[] {
    const isDue = this.#deadlines.takeDue(nowMs) !== null
    const effects = this.#slide(nowMs)
    if (isDue) this.#schedule()
    return effects
  }

  // --- inside -------------------------------------------------------------------------------------------------------------

  #count(bucket: Bucket, database: string, table: string | null, effects: HotspotEffect[]): void {
    if (database.length + (table ?? '').length > nameLengthMax) return
    const key = keyOf(database, table)
    bucket.increments++
    const evicted = bucket.increment(key)
    if (evicted !== null) this.#subtract(evicted.key, evicted.guaranteed, effects)
    let total = this.#totals.get(key)
    if (total === undefined) this.#totals.set(key, total = { subject: { scope: 'table', database, table }, count: 0, isHot: false })
    total.count++
    this.#heat(total, effects)
  }

  #heat(total: Total, effects: HotspotEffect[]): void {
    if (total.isHot || this.#rate(total.count) < this.options.queriesPerSecond) return
    total.isHot = true
    this.#hot++
    effects.push({ kind: 'hotspot-detected', subject: total.subject, ratePerSecond: this.#rate(total.count) })
    this.#schedule()
  }

  #cool(total: Total, effects: HotspotEffect[]): void {
    if (!total.isHot || this.#rate(total.count) >= this.options.queriesPerSecond * this.options.coolRatio) return
    total.isHot = false
    this.#hot--
    effects.push({ kind: 'hotspot-ended', subject: total.subject, ratePerSecond: this.#rate(total.count) })
    if (this.#hot === 0) this.#deadlines.clear()
  }

  #subtract(key: string, count: number, effects: HotspotEffect[]): void {
    const total = this.#totals.get(key)
    if (total === undefined) return
    total.count -= count
    this.#cool(total, effects)
    if (total.count <= 0) this.#totals.delete(key)
  }

  /** Forgets the thirtieths that have left the window. */
  #slide(nowMs: number): HotspotEffect[] {
    const effects: HotspotEffect[] = []
    const now = Math.floor(nowMs / this.#bucketMs)
    // A clock that steps back fills the bucket that is open.
    if (now <= this.#current) return effects
    const passed = Math.min(bucketCount, now - this.#current)
    for (let i = 0; i < passed; i++) this.#expire(this.#bucketAt(now - i), effects)
    this.#current = now
    this.#cool(this.#node, effects)
    return effects
  }

  #expire(bucket: Bucket, effects: HotspotEffect[]): void {
    for (const [key, guaranteed] of bucket.guaranteed()) this.#subtract(key, guaranteed, effects)
    this.#node.count -= bucket.arrivals
    bucket.clear()
  }

  #bucketAt(number: number): Bucket {
    return this.#buckets[((number % bucketCount) + bucketCount) % bucketCount] as Bucket
  }

  #schedule(): void {
    if (this.#hot > 0) this.#deadlines.set('slide', (this.#current + 1) * this.#bucketMs)
  }

  #rate(count: number): number {
    return (count * 1_000) / (this.#bucketMs * bucketCount)
  }
}

/** A query of two tables counts once for each; an unknown table is no table of any name. */
function keyOf(database: string, table: string | null): string {
  return table === null ? `-${database}` : `+${database.length}:${database}:${table}`
}
