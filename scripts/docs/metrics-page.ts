/** docs/METRICS.md: every metric of a node, from their definitions. */
import { communicationMetrics } from '../../src/operations/metrics/communication.ts'
import type { MetricDefinition } from '../../src/operations/metrics/definition.ts'
import { healthMetrics } from '../../src/operations/metrics/health.ts'
import { httpMetrics } from '../../src/operations/metrics/http.ts'
import { LABELLED_DATABASES_MAX, LABELLED_PEERS_MAX } from '../../src/operations/metrics/label-table.ts'
import { observedMetrics } from '../../src/operations/metrics/observed.ts'
import { routingMetrics } from '../../src/operations/metrics/routing.ts'
import { topologyMetrics } from '../../src/operations/metrics/topology.ts'

type Listed = MetricDefinition & { readonly type: string; readonly buckets?: readonly number[] }

const groups: ReadonlyArray<readonly [title: string, metrics: readonly Listed[]]> = [
  ['Members and membership', topologyMetrics],
  ['Messages, bytes, connections', communicationMetrics],
  ['Queries and routing', routingMetrics],
  ['Health, load, host', healthMetrics],
  ['Counted as it happens', observedMetrics],
  ['HTTP', httpMetrics],
]

export function metricsPage(notice: string, table: (titles: readonly string[], rows: ReadonlyArray<readonly string[]>) => string): string {
  return `${notice}
# Metrics

\`GET /metrics\` of a node's HTTP server gives all of these in the Prometheus text format; \`metrics/p2p.csv\` in the data folder and the table
\`metrics\` of the database \`reedbase\` have the same figures without the buckets of histograms.

- **Units** are base units, and the name ends in them: seconds, bytes, ratios from 0 to 1. Counters end in \`_total\` and start at 0 with the node.
- **A figure that is not known now has no series**, rather than 0: a peer that has not answered yet has no latency.
- **Labels are bounded.** \`peer\` is a member's name as shown, for the first ${LABELLED_PEERS_MAX} that this node knows; the series of a member that left are dropped,
  and \`reedbase_peers_unlabelled\` counts those without. \`database\` is one of the first ${LABELLED_DATABASES_MAX} that queries named here, then \`other\`.
- **Queries on \`reedbase\`**, the mesh's own database, are in no figure by database.
- The figures are those of one node. Those of a mesh are sums over its nodes; a forwarded query is counted by the node that sent it and by the one
  that ran it.

Beside these stand what libp2p measures of itself (\`libp2p_…\`), what Node measures of the process (\`nodejs_…\`, \`process_…\`; of all nodes in the process, where there are several), and the
metrics that the program registers ([library.md](guides/library.md)).

${groups.map(([title, metrics]) => `## ${title}\n\n${table(['Metric', 'Type', 'Labels', 'Unit', 'Meaning'], metrics.map((metric) => [`\`${metric.name}\``, metric.type, metric.labels.length === 0 ? '–' : metric.labels.map((label) => `\`${label}\``).join(', '), metric.unit, meaning(metric)]))}`).join('\n\n')}
`
}

function meaning({ help, buckets = [] }: Listed): string {
  return buckets.length === 0 ? help : `${help} Buckets up to ${buckets.join(', ')}.`
}
