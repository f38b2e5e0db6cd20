/** What each host has said about the others, with the time at which its line was read: the one clock for both systems. */

export type Sighting = 'joined' | 'suspected' | 'refuted' | 'failed' | 'left'

/** What one line of a program's log says about a host. */
export interface Said {
  readonly what: Sighting
  readonly about: number
}

export interface Seen extends Said {
  readonly atMs: number
  readonly by: number
}

export class Sightings {
  readonly #all: Seen[] = []
  readonly #times = new Map<string, number[]>()
  readonly #present = new Map<number, Set<number>>()

  /** A new process on that host knows nobody yet. */
  noteStart(host: number): void {
    this.#present.set(host, new Set())
  }

  note(seen: Seen): void {
    const { by, about, what, atMs } = seen
    if (by === about) return
    this.#all.push(seen)
    const key = `${what} ${about} ${by}`
    const times = this.#times.get(key)
    if (times === undefined) this.#times.set(key, [atMs])
    else times.push(atMs)
    if (what === 'joined') this.present(by).add(about)
    else if (what === 'failed' || what === 'left') this.present(by).delete(about)
  }

  /** Whom a host holds for present, by what it said of each last. */
  present(by: number): Set<number> {
    let present = this.#present.get(by)
    if (present === undefined) this.#present.set(by, present = new Set())
    return present
  }

  /** Everybody in `hosts` holds everybody else there, and nobody more, for present. */
  isAgreed(hosts: readonly number[]): boolean {
    return hosts.every((by) => {
      const present = this.present(by)
      return present.size === hosts.length - 1 && hosts.every((host) => host === by || present.has(host))
    })
  }

  /** The first time, from `sinceMs` on, at which each of `by` said so; null for one that has not. */
  times(what: Sighting, about: number, by: readonly number[], sinceMs: number): Array<number | null> {
    return by.filter((host) => host !== about).map((host) => this.#times.get(`${what} ${about} ${host}`)?.find((atMs) => atMs >= sinceMs) ?? null)
  }

  /** The same, once all have said so; until then null. */
  timesOfAll(what: Sighting, about: number, by: readonly number[], sinceMs: number): number[] | null {
    const times = this.times(what, about, by, sinceMs)
    return times.every((atMs) => atMs !== null) ? times : null
  }

  /** All that was said from `sinceMs` on. */
  since(what: Sighting, sinceMs: number): Seen[] {
    return this.#all.filter((seen) => seen.what === what && seen.atMs >= sinceMs)
  }
}
