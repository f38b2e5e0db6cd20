/** A counter that costs a lookup and an addition where it counts: prom-client checks, sorts and joins labels at every increment, which here waits for a reading. */
import { Counter, type Registry } from 'prom-client'
import type { ObservedDefinition } from './definition.ts'

export class Tally {
  readonly #counts = new Map<string, { readonly values: readonly string[]; count: number }>()

  constructor({ name, help, labels }: ObservedDefinition, registry: Registry) {
    const counts = this.#counts
    new Counter({
      name, help, labelNames: labels, registers: [registry],
      collect() {
        this.reset()
        for (const { values, count } of counts.values()) this.inc(Object.fromEntries(labels.map((label, index) => [label, values[index] ?? ''])), count)
      },
    })
  }

  /** `values`: of the labels, in their order. */
  add(by: number, ...values: readonly string[]): void {
    const key = values.length === 1 ? values[0] as string : values.join('\n')
    const entry = this.#counts.get(key)
    if (entry === undefined) this.#counts.set(key, { values, count: by })
    else entry.count += by
  }
}
