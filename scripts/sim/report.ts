/** All that is asked of the simulator in one table: medians over several seeds, beside what is published and what the baseline did in the same runs. */
import { writeFileSync } from 'node:fs'
import type { Finding } from './experiment.ts'
import { EXPERIMENTS } from './experiments/index.ts'
import { experimentsPage } from './experiments-page.ts'
import { maximaOf, mediansOf, type Figures } from './statistics.ts'

const PAGE = new URL('../../docs/EXPERIMENTS.md', import.meta.url)

export interface ReportOptions {
  readonly seeds: number
  readonly only: readonly string[] | null
  readonly isQuick: boolean
  readonly check: boolean
  readonly write: boolean
  readonly json: boolean
}

export interface Reported extends Finding {
  readonly experiment: string
}

/** Exit code: 1 when something asked is missed and `check` is set. */
export function report(options: ReportOptions): number {
  const findings: Reported[] = []
  const medians: Record<string, Figures> = {}
  const worst: Record<string, Figures> = {}
  for (const [name, experiment] of Object.entries(EXPERIMENTS)) {
    if (experiment.findings === undefined || (options.only !== null && !options.only.includes(name))) continue
    const nodes = options.isQuick ? experiment.quickNodes : experiment.nodes
    if (nodes === null) continue
    const runs = Array.from({ length: options.seeds }, (_, index) => {
      const seed = index + 1
      const startedMs = performance.now()
      const figures = experiment.run({
        nodes, seed, extent: options.isQuick ? 'quick' : 'normal', gossipsub: true,
        progress: (text) => { process.stderr.write(`${name}, seed ${seed}: ${text}\n`) },
      })
      process.stderr.write(`${name}, seed ${seed}: ${((performance.now() - startedMs) / 1000).toFixed(1)} s, ${JSON.stringify(figures)}\n`)
      return figures
    })
    const median = mediansOf(runs)
    medians[name] = median
    worst[name] = maximaOf(runs)
    findings.push(...experiment.findings(median, nodes).map((finding) => ({ experiment: name, ...finding })))
  }
  const missed = findings.filter(({ isMet }) => isMet === false)
  process.stdout.write(options.json ? `${JSON.stringify({ seeds: options.seeds, findings, medians, worst })}\n` : `${tableOf(findings)}\n${missed.length === 0 ? 'Everything asked is met.' : `${missed.length} missed.`}\n`)
  if (options.write) writeFileSync(PAGE, experimentsPage({ findings, seeds: options.seeds, isQuick: options.isQuick, table: tableOf(findings) }))
  return options.check && missed.length > 0 ? 1 : 0
}

export function tableOf(findings: readonly Finding[]): string {
  const verdict = (isMet: boolean | null): string => isMet === null ? '' : isMet ? 'met' : '**missed**'
  const rows = findings.map(({ figure, asked, published, baseline, ours, isMet }) => [figure, asked, published, baseline, ours, verdict(isMet)])
  return [['figure', 'asked', 'published', 'baseline, same run', 'ours', ''], ['---', '---', '---', '---', '---', '---'], ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
