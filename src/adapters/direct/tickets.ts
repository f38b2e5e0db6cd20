/**
 * A ticket lets its holder open one direct stream. It is asked for and given on a connection of the mesh, which has proved the cluster key, the
 * label, the wire version and both PeerIds; so whoever knows its secret has proved all of that, and a direct stream needs no other proof.
 */
import { randomBytes } from 'node:crypto'

export const TICKET_ID_BYTES = 16
export const TICKET_SECRET_BYTES = 32
/** From being given to the end of the handshake that uses it. */
export const TICKET_LIFE_MS = 10_000

export interface Ticket<Owner> {
  /** In hex; goes over the wire in the clear. */
  readonly id: string
  readonly secret: Buffer
  /** The connection that it was given on. */
  readonly owner: Owner
  readonly protocol: string
  readonly expiresMs: number
}

export class Tickets<Owner> {
  readonly #perOwnerMax: number
  readonly #tickets = new Map<string, Ticket<Owner>>()
  readonly #counts = new Map<Owner, number>()

  /** An owner holds at most so many at a time. */
  constructor(perOwnerMax: number) {
    this.#perOwnerMax = perOwnerMax
  }

  get size(): number {
    return this.#tickets.size
  }

  /** Null when the owner holds as many as it may. */
  issue(owner: Owner, protocol: string, nowMs: number): Ticket<Owner> | null {
    this.#expire(nowMs)
    const count = this.#counts.get(owner) ?? 0
    if (count >= this.#perOwnerMax) return null
    const ticket: Ticket<Owner> = {
      id: randomBytes(TICKET_ID_BYTES).toString('hex'), secret: randomBytes(TICKET_SECRET_BYTES), owner, protocol, expiresMs: nowMs + TICKET_LIFE_MS,
    }
    this.#tickets.set(ticket.id, ticket)
    this.#counts.set(owner, count + 1)
    return ticket
  }

  /** For a handshake that names it; it is not used up by that, since the name alone proves nothing. */
  find(id: string, nowMs: number): Ticket<Owner> | null {
    const ticket = this.#tickets.get(id)
    return ticket === undefined || ticket.expiresMs <= nowMs ? null : ticket
  }

  /** False when it was used, has expired, or is forgotten with its owner. */
  use(ticket: Ticket<Owner>, nowMs: number): boolean {
    if (this.find(ticket.id, nowMs) !== ticket) return false
    this.#delete(ticket)
    return true
  }

  forget(owner: Owner): void {
    for (const ticket of this.#tickets.values()) if (ticket.owner === owner) this.#delete(ticket)
  }

  /** In the order of issue, which is that of expiry. */
  #expire(nowMs: number): void {
    for (const ticket of this.#tickets.values()) {
      if (ticket.expiresMs > nowMs) return
      this.#delete(ticket)
    }
  }

  #delete(ticket: Ticket<Owner>): void {
    this.#tickets.delete(ticket.id)
    const count = (this.#counts.get(ticket.owner) ?? 1) - 1
    if (count > 0) this.#counts.set(ticket.owner, count)
    else this.#counts.delete(ticket.owner)
  }
}
