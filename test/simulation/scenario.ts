/** Runs a scenario for each seed, or only for `SIM_SEED`; what fails says which seed replays it. */
import { it } from 'vitest'

const forced = process.env['SIM_SEED']

export function scenario(name: string, seeds: readonly number[], run: (seed: number) => void): void {
  for (const seed of forced === undefined ? seeds : [Number(forced)]) {
    it(`${name} [seed ${seed}]`, () => {
      try {
        run(seed)
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}\nreplay with: SIM_SEED=${seed} npx vitest run test/simulation -t ${JSON.stringify(name)}`, { cause: error })
      }
    })
  }
}
