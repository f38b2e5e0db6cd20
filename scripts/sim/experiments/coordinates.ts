/** Network coordinates against simulated truths, the scenarios and bounds of Serf's own test at N = 25 and 1,000 cycles. */
import { coordinateError } from '../../../test/simulation/coordinates.ts'
import type { Experiment } from '../experiment.ts'
import { rounded, type Figures } from '../statistics.ts'

const SCENARIOS = { grid: 0.2, split: 0.01, random: 7.5 } as const
const TITLES = { grid: 'grid', split: 'LAN/WAN split', random: 'random' } as const
const CYCLES = 1000
const DIMENSIONS = 8

export const coordinates: Experiment = {
  summary: 'mean error of Vivaldi coordinates against simulated truths (Serf)',
  nodes: 25,
  quickNodes: 25,
  run: ({ nodes, seed }) => Object.fromEntries(Object.keys(SCENARIOS).map((name) => {
    const { meanErrorRatio } = coordinateError(name as keyof typeof SCENARIOS, { nodes, cycles: CYCLES, seed, dimensions: DIMENSIONS })
    return [`${name}ErrorPercent`, rounded(100 * meanErrorRatio, 4)]
  })) as Figures,
  findings: (medians, nodes) => (Object.keys(SCENARIOS) as Array<keyof typeof SCENARIOS>).map((name) => {
    const errorPercent = medians[`${name}ErrorPercent`] ?? NaN
    const asked = `≤ ${SCENARIOS[name]} %`
    return { figure: `Coordinates, ${TITLES[name]}, N = ${nodes}: mean error`, asked, published: `Serf’s test: ${asked}`, baseline: '', ours: `${errorPercent} %`, isMet: errorPercent <= SCENARIOS[name] }
  }),
}
