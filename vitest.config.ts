import { defineConfig } from 'vitest/config'

/** They measure the heap of their process, and so need one of their own. */
const ofTheHeap = ['test/unit/query/garbage.test.ts', 'test/unit/wire/query-framing.test.ts', 'test/unit/adapters/system/buffer-collection.test.ts']

/** Meshes that live through minutes of failures, and long simulations: `npm run test:long`. What they prove in small is proven by the others, too. */
const long = [
  ...['failures', 'keys-rotation', 'operators', 'partition', 'rejoin', 'slow-node'].map((name) => `test/integration/mesh/${name}.test.ts`),
  'test/integration/lab/two-hop.test.ts', 'test/simulation/membership-scenarios.test.ts', 'test/simulation/routing.test.ts',
]

export default defineConfig({
  test: {
    pool: 'forks',
    // A third of what the tests take is waiting, for processes and for protocols: one worker more than a small machine has processors.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      // Machines and parts that leave nothing behind: a fresh module graph for each of 180 files took more than the tests.
      { extends: true, test: { name: 'pure', isolate: false, include: ['test/{unit,property,contract,simulation,fuzz}/**/*.test.ts'], exclude: [...ofTheHeap, ...long] } },
      // Sockets, engines, processes.
      { extends: true, test: { name: 'real', include: ['test/{integration,docs}/**/*.test.ts', ...ofTheHeap], exclude: long } },
      { extends: true, test: { name: 'long', include: long } },
    ],
  },
})
