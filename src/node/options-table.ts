/**
 * Every option of a node: the only home of names, defaults, units, ranges and meanings. Flags, environment variables, configuration
 * keys, the help text, the schema and docs/OPTIONS.md derive from this table. It imports next to nothing, so that `--help` is quick.
 */
import { ALERT_RULE_NAMES } from '../core/alerts/rules.ts'
import { COMPRESSION_MODES } from '../core/latency/compression.ts'
import { MEMBERSHIP_OPTIONS, MEMBERSHIP_OPTION_NAMES } from '../core/membership/options.ts'
import { STRATEGY_NAMES } from '../core/routing/strategies/registry.ts'
import { labelForm } from '../wire/name-forms.ts'
import { writeDuration, writeSize } from './options-values.ts'

export type OptionForm =
  | { readonly kind: 'text'; readonly pattern: RegExp; readonly allowed: string }
  | { readonly kind: 'path' | 'switch' | 'listen' | 'http' | 'host' | 'seeds' | 'databases' | 'peers' | 'alerts' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'count' | 'number' | 'percent' | 'duration' | 'size'; readonly min: number; readonly max: number }

export interface OptionSpec {
  /** As the configuration file has it; a dot stands for nesting. */
  readonly key: string
  readonly group: 'Identity and network' | 'Databases' | 'Health and load' | 'Routing and queries' | 'Membership' | 'HTTP' | 'Tables, alerts and traces' | 'Log'
  readonly form: OptionForm
  /** As a user would write it. Null: none, or computed as `meaning` says. */
  readonly default: string | boolean | null
  /** One line for the help text and the page. */
  readonly meaning: string
  /** What rises and what falls when it grows; empty where the question makes no sense. */
  readonly tradeOff: string
  /** Where the flag is not the key in kebab-case. */
  readonly flag?: string
}

const label = { kind: 'text', pattern: labelForm, allowed: 'up to 63 letters, digits, dots, hyphens and underscores, a letter or digit first' } as const

const url = { kind: 'text', pattern: /^https?:\/\/[^\s]{1,2000}$/, allowed: 'a URL that begins with http:// or https://' } as const

const own: readonly OptionSpec[] = [
  { key: 'name', group: 'Identity and network', form: label, default: null, meaning: 'Name that people see; by default the host name. Unique in the mesh, or both bearers are shown as in conflict.', tradeOff: '' },
  { key: 'dataDir', group: 'Identity and network', form: { kind: 'path' }, default: '.reedbase', meaning: 'Folder of the node key, the keyring and the local socket. One process each.', tradeOff: '' },
  { key: 'listen', group: 'Identity and network', form: { kind: 'listen' }, default: '127.0.0.1:7400', meaning: 'Address and port for both TCP and UDP; 0.0.0.0 or [::] is every address, port 0 picks a free one.', tradeOff: '' },
  { key: 'advertise', group: 'Identity and network', form: { kind: 'host' }, default: null, meaning: 'Host, or host:port, that others reach this node by; by default what it listens on.', tradeOff: '' },
  { key: 'seeds', group: 'Identity and network', form: { kind: 'seeds' }, default: null, flag: 'seed', meaning: 'Members to join through: host:port, a multiaddr, or dns:host:port for all addresses that a name has at the time, as of a headless service. Repeatable.', tradeOff: 'More seeds: a join survives more of them being down; each is dialled at the start.' },
  { key: 'cluster', group: 'Identity and network', form: label, default: 'reedbase', meaning: 'Label of the cluster. Nodes with another label are strangers, even with the same key.', tradeOff: '' },
  { key: 'allowPeers', group: 'Identity and network', form: { kind: 'peers' }, default: null, flag: 'allow-peer', meaning: 'A PeerId that is let in; when there is one, no other is. Repeatable; rdb peers:allow adds to it while the node runs.', tradeOff: '' },
  { key: 'denyPeers', group: 'Identity and network', form: { kind: 'peers' }, default: null, flag: 'deny-peer', meaning: 'A PeerId that is kept out. Repeatable; rdb peers:deny adds to it while the node runs.', tradeOff: '' },
  { key: 'insecure', group: 'Identity and network', form: { kind: 'switch' }, default: false, meaning: 'Allow listening beyond loopback without a cluster key. Anyone who reaches the port can then join.', tradeOff: '' },
  { key: 'datacenter', group: 'Identity and network', form: label, default: 'default', meaning: 'Where the node stands; zone hints and the strategy locality go by it.', tradeOff: '' },
  { key: 'rack', group: 'Identity and network', form: label, default: 'default', meaning: 'Where in the datacenter; as datacenter.', tradeOff: '' },
  { key: 'capacity', group: 'Identity and network', form: { kind: 'number', min: 0.01, max: 1000 }, default: '1', meaning: 'Weight of the node relative to others, as they see it.', tradeOff: 'Larger: more of the shared work is meant for this node.' },
  { key: 'connectionsMax', group: 'Identity and network', form: { kind: 'count', min: 4, max: 4096 }, default: '64', meaning: 'Members that this node keeps a connection to.', tradeOff: 'Larger: more peers are one hop away without a dial; more memory and file descriptors.' },
  { key: 'seedRetryMax', group: 'Identity and network', form: { kind: 'duration', min: 1_000, max: 3_600_000 }, default: '30s', meaning: 'Longest pause between two rounds of dialling the seeds while alone; it starts at 500 ms and doubles.', tradeOff: 'Larger: fewer dials while the seeds are down; the node joins later once they are up.' },

  { key: 'databases', group: 'Databases', form: { kind: 'databases' }, default: null, flag: 'db', meaning: 'A database served here: a .duckdb file, a folder, or the postgres:// URL of a server: name=path[,role=primary|replica][,threads=2][,memory=1GB][,strategy=nearest][,cpuThreshold=70][,memoryThreshold=85][,overloadLeaveMargin=5][,overloadDwell=10s], or name=postgres://user@host:port/database in place of a path, without role, threads and memory, which its server has. Thresholds of its own take the place of the node\'s for its queries. Repeatable.', tradeOff: 'More threads or memory: faster single queries; less is left for others on the host.' },

  { key: 'pingInterval', group: 'Health and load', form: { kind: 'duration', min: 100, max: 3_600_000 }, default: '30s', meaning: 'Time between two pings of each member.', tradeOff: 'Larger: less traffic; latency and status lag further behind.' },
  { key: 'pingTimeout', group: 'Health and load', form: { kind: 'duration', min: 10, max: 60_000 }, default: '5s', meaning: 'A ping unanswered for this long is a failure. Below pingInterval.', tradeOff: 'Larger: slow paths count as alive; dead ones are noticed later.' },
  { key: 'latencyThreshold', group: 'Health and load', form: { kind: 'duration', min: 1, max: 60_000 }, default: '200ms', meaning: 'At or above this round trip a peer is degraded.', tradeOff: 'Larger: far peers stay healthy; queries may take longer ways.' },
  { key: 'unhealthyAfterFailures', group: 'Health and load', form: { kind: 'count', min: 1, max: 100 }, default: '3', meaning: 'Consecutive failed pings after which a peer is unhealthy.', tradeOff: 'Larger: fewer false alarms under loss; slower verdicts.' },
  { key: 'loadInterval', group: 'Health and load', form: { kind: 'duration', min: 1_000, max: 3_600_000 }, default: '30s', meaning: 'Time between two load snapshots told to the mesh; a change of overload is told at once.', tradeOff: 'Larger: less gossip; choices among peers rest on older figures.' },
  { key: 'cpuThreshold', group: 'Health and load', form: { kind: 'percent', min: 1, max: 100 }, default: '80', meaning: 'CPU percentage at or above which the node is overloaded.', tradeOff: 'Larger: more runs here; queries wait longer under load.' },
  { key: 'memoryThreshold', group: 'Health and load', form: { kind: 'percent', min: 1, max: 100 }, default: '90', meaning: 'Memory percentage at or above which the node is overloaded.', tradeOff: 'Larger: more runs here; the risk of swapping or being killed rises.' },
  { key: 'overloadLeaveMargin', group: 'Health and load', form: { kind: 'percent', min: 0, max: 50 }, default: '5', meaning: 'Points below both thresholds at which overload may end. Below either threshold.', tradeOff: 'Larger: less flapping; overload lasts longer.' },
  { key: 'overloadDwell', group: 'Health and load', form: { kind: 'duration', min: 0, max: 600_000 }, default: '10s', meaning: 'How long the load must stay that low before overload ends.', tradeOff: 'Larger: less flapping; overload lasts longer.' },

  { key: 'failoverMax', group: 'Routing and queries', form: { kind: 'count', min: 0, max: 16 }, default: '3', meaning: 'Further peers tried when the chosen one fails before its first row.', tradeOff: 'Larger: more queries survive failures; more load on peers while something is wrong.' },
  { key: 'strategy', group: 'Routing and queries', form: { kind: 'choice', choices: STRATEGY_NAMES }, default: 'nearest', meaning: 'How a peer is chosen for a query that leaves this node; a database or a query can name another one.', tradeOff: '' },
  { key: 'hedgeAfter', group: 'Routing and queries', form: { kind: 'duration', min: 0, max: 600_000 }, default: '0ms', meaning: 'A forwarded read without its first row after this time, or after the p99 of recent ones if that is sooner, is asked of a second peer; 0ms is never.', tradeOff: 'Larger: fewer extra queries; a longer tail.' },
  { key: 'readYourWrites', group: 'Routing and queries', form: { kind: 'duration', min: 0, max: 3_600_000 }, default: '5s', meaning: 'After a write the reads of its session go to where it was written for so long.', tradeOff: 'Larger: slower copies are covered; more reads go to the primary.' },
  { key: 'tableAffinity', group: 'Routing and queries', form: { kind: 'switch' }, default: false, meaning: 'Reads of one table that leave this node go to one peer while it is well, which then has the table in memory.', tradeOff: '' },
  { key: 'hotspotRate', group: 'Routing and queries', form: { kind: 'number', min: 0.1, max: 1_000_000 }, default: '1000', meaning: 'Queries a second, over a minute, at which a table or this node counts as hot, and reads are spread to other copies.', tradeOff: 'Larger: fewer events; load is spread later.' },
  { key: 'cacheSize', group: 'Routing and queries', form: { kind: 'size', min: 0, max: 1_000_000_000_000 }, default: '0MB', meaning: 'Memory for results of reads that are asked for again; 0MB is none. Dropped on writes through this node, on changes by others where the engine tells of them (PostgreSQL, DuckDB), and by age.', tradeOff: 'Larger: more reads are answered without the engine; more memory.' },
  { key: 'cacheAge', group: 'Routing and queries', form: { kind: 'duration', min: 1, max: 86_400_000 }, default: '10s', meaning: 'How long a held result is given out.', tradeOff: 'Larger: more hits; changes that no engine tells of, as those behind a foreign table or in a plug-in\'s database, stay unseen longer.' },
  { key: 'coalesce', group: 'Routing and queries', form: { kind: 'switch' }, default: false, meaning: 'Identical reads that are under way here at the same time share one run.', tradeOff: '' },
  { key: 'compression', group: 'Routing and queries', form: { kind: 'choice', choices: COMPRESSION_MODES }, default: 'auto', meaning: 'Whether results between this node and others are compressed on their way: auto where the link turns out to be slow (below 256 Mbit/s) and the data shrink, always wherever they shrink, if both ends are set so (an end on auto still goes by the link), never neither here nor for this node elsewhere.', tradeOff: '' },
  { key: 'inFlightMax', group: 'Routing and queries', form: { kind: 'count', min: 1, max: 10_000 }, default: '64', meaning: 'Queries that run here at once, at most: the node finds out by itself how many of them run well. More wait in line or go elsewhere.', tradeOff: 'Larger: fewer wait; each query gets less of the host.' },
  { key: 'transactionsMax', group: 'Routing and queries', form: { kind: 'count', min: 0, max: 10_000 }, default: '32', meaning: 'Transactions of several statements that are open on this node at once; 0 refuses all.', tradeOff: 'Larger: more clients have one at a time; each holds a connection of its engine and what it has locked.' },
  { key: 'transactionIdle', group: 'Routing and queries', form: { kind: 'duration', min: 100, max: 3_600_000 }, default: '30s', meaning: 'A transaction without a statement for so long is rolled back.', tradeOff: 'Larger: slower clients get through; what a forgotten one has locked stays locked longer.' },
  { key: 'transactionLimit', group: 'Routing and queries', form: { kind: 'duration', min: 100, max: 86_400_000 }, default: '10m', meaning: 'A transaction that is open for so long is rolled back, whatever it is at.', tradeOff: 'Larger: longer work in one piece; others wait longer for what it has locked.' },
  { key: 'quorumMin', group: 'Routing and queries', form: { kind: 'count', min: 1, max: 100_000 }, default: null, meaning: 'Members that must be reachable for a quorum, this node included; by default more than half of those that are expected.', tradeOff: 'Larger: smaller sides of a cut count as a minority; fewer failures are survived with a quorum.' },
  { key: 'minorityPolicy', group: 'Routing and queries', form: { kind: 'choice', choices: ['serve', 'read-only', 'refuse'] }, default: 'serve', meaning: 'What this node does without a quorum: serve all queries, refuse writes (read-only), or refuse all.', tradeOff: '' },
  { key: 'drain', group: 'Routing and queries', form: { kind: 'duration', min: 0, max: 3_600_000 }, default: '10s', meaning: 'How long a stopping node lets running queries finish before it ends them with an error.', tradeOff: 'Larger: more queries finish; stopping takes longer.' },

  { key: 'membership.preset', group: 'Membership', form: { kind: 'choice', choices: ['lan', 'wan', 'local'] }, default: 'lan', meaning: 'Timing for a local network, for several sites, or for one host; the options below override single values.', tradeOff: '' },
  ...MEMBERSHIP_OPTION_NAMES.map(membershipSpec),

  { key: 'http.listen', group: 'HTTP', form: { kind: 'http' }, default: 'auto', meaning: 'Address and port of health, metrics, API and dashboard: auto is 127.0.0.1:7480, or a free port of loopback where that is taken; off is none. On loopback without a token it is open to every user and container of this host, whom the file permissions of the local socket keep out. Beyond loopback it needs the three files below.', tradeOff: '' },
  { key: 'http.tokenFile', group: 'HTTP', form: { kind: 'path' }, default: null, meaning: 'File with the bearer token that API, metrics and dashboard ask for. On loopback none is needed, and then every user of this host may read, and write where the node may: set it on hosts that you share.', tradeOff: '' },
  { key: 'http.tlsCert', group: 'HTTP', form: { kind: 'path' }, default: null, meaning: 'File with the certificate, PEM, its chain after it.', tradeOff: '' },
  { key: 'http.tlsKey', group: 'HTTP', form: { kind: 'path' }, default: null, meaning: 'File with the key of the certificate, PEM.', tradeOff: '' },
  { key: 'http.requestsMax', group: 'HTTP', form: { kind: 'count', min: 1, max: 10_000 }, default: '64', meaning: 'Queries that run over HTTP at once, and as many event streams beside them; more of either are answered with 503. Who takes nothing of an answer or stream for 30 s is cut off.', tradeOff: 'Larger: fewer are turned away; each holds memory and a connection.' },
  { key: 'http.bodyMax', group: 'HTTP', form: { kind: 'size', min: 1_000, max: 64_000_000 }, default: '1MB', meaning: 'Largest body of a request.', tradeOff: 'Larger: longer statements and parameters; each request may take so much memory.' },
  { key: 'http.rowsMax', group: 'HTTP', form: { kind: 'count', min: 1, max: 1_000_000_000 }, default: '1000000', meaning: 'Rows that one answer over HTTP has at most; what has more ends with an error that says so.', tradeOff: 'Larger: larger results; a careless query costs more.' },
  { key: 'http.timeoutMax', group: 'HTTP', form: { kind: 'duration', min: 1_000, max: 86_400_000 }, default: '5m', meaning: 'Longest time that a query over HTTP may ask for.', tradeOff: 'Larger: longer queries; what hangs holds its place longer.' },

  { key: 'tables.write', group: 'Tables, alerts and traces', form: { kind: 'choice', choices: ['on', 'off'] }, default: 'on', meaning: 'Whether latency.csv, load.csv and metrics/p2p.csv are written into the data folder.', tradeOff: '' },
  { key: 'tables.rawRetention', group: 'Tables, alerts and traces', form: { kind: 'duration', min: 3_600_000, max: 31_536_000_000 }, default: '168h', meaning: 'How long single samples are kept.', tradeOff: 'Larger: more detail for longer; more disk.' },
  { key: 'tables.aggregateRetention', group: 'Tables, alerts and traces', form: { kind: 'duration', min: 3_600_000, max: 315_360_000_000 }, default: '2160h', meaning: 'How long aggregates of a minute are kept. Not below rawRetention.', tradeOff: 'Larger: a longer history; more disk.' },
  { key: 'tables.sizeMax', group: 'Tables, alerts and traces', form: { kind: 'size', min: 1_000_000, max: 1_000_000_000_000 }, default: '1GB', meaning: 'What all tables take together; beyond it the oldest go before their time.', tradeOff: 'Larger: more history in large meshes; more disk.' },
  { key: 'tables.metricsInterval', group: 'Tables, alerts and traces', form: { kind: 'duration', min: 1_000, max: 3_600_000 }, default: '60s', meaning: 'Time between two samples of the metrics in metrics/p2p.csv.', tradeOff: 'Larger: less disk; short peaks are missed.' },
  { key: 'queryLog', group: 'Tables, alerts and traces', form: { kind: 'choice', choices: ['full', 'redacted', 'off'] }, default: 'full', meaning: 'What is kept in memory of the last 1,000 queries, for the dashboard and the table queries: all, all but the text of the statement (redacted), or nothing.', tradeOff: '' },
  { key: 'alerts.webhook', group: 'Tables, alerts and traces', form: url, default: null, meaning: 'URL that every alert is posted to as JSON when it fires and when it is resolved.', tradeOff: '' },
  { key: 'alerts.rules', group: 'Tables, alerts and traces', form: { kind: 'alerts' }, default: null, flag: 'alert', meaning: `What is set of a rule of alerts: rule=off, or rule[=threshold][,for=5m][,severity=warning|critical], for ${ALERT_RULE_NAMES.join(', ')}. Repeatable; in the file a mapping of rules to off, a threshold, or above, for and severity.`, tradeOff: '' },
  { key: 'traces.endpoint', group: 'Tables, alerts and traces', form: url, default: null, meaning: 'OTLP/HTTP address that traces are sent to, such as http://127.0.0.1:4318/v1/traces; without it none are made.', tradeOff: '' },
  { key: 'traces.sampleRatio', group: 'Tables, alerts and traces', form: { kind: 'number', min: 0, max: 1 }, default: '1', meaning: 'Share of the queries that are traced, where the caller has not decided it.', tradeOff: 'Larger: more is seen; more work and traffic.' },

  { key: 'logLevel', group: 'Log', form: { kind: 'choice', choices: ['debug', 'info', 'warn', 'error'] }, default: 'info', meaning: 'Least severity that is logged.', tradeOff: 'Lower: more lines, more disk.' },
  { key: 'logFormat', group: 'Log', form: { kind: 'choice', choices: ['auto', 'pretty', 'json'] }, default: 'auto', meaning: 'auto is pretty on a terminal and JSON lines otherwise. Logs go to stdout.', tradeOff: '' },
]

/** The key drops a trailing unit, since values carry it: `probeIntervalMs` is written `membership.probeInterval: 1s`. */
function membershipSpec(name: (typeof MEMBERSHIP_OPTION_NAMES)[number]): OptionSpec {
  const { unit, min, max, description, presets } = MEMBERSHIP_OPTIONS[name]
  const [first = '', ...rest] = description.split(/(?<=\.)\s+(?=(?:Larger|Must)\b)/)
  const write = (value: number): string => (unit === 'ms' ? writeDuration(value) : String(value))
  return {
    key: `membership.${membershipKey(name)}`, group: 'Membership', default: null, tradeOff: rest.join(' '),
    form: { kind: unit === 'ms' ? 'duration' : unit === 'count' ? 'count' : 'number', min, max },
    meaning: `${first} By preset: lan ${write(presets.lan)}, wan ${write(presets.wan)}, local ${write(presets.local)}.`,
  }
}

export function membershipKey(name: string): string {
  return name.replace(/Ms$/, '')
}

function kebab(key: string): string {
  return key.replaceAll('.', '-').replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

export interface Option extends OptionSpec {
  /** With its two hyphens. */
  readonly flag: string
  readonly env: string
  readonly isList: boolean
}

/** Beside these: `--config` and `REEDBASE_CONFIG` name the configuration file. */
export const OPTION_TABLE: readonly Option[] = Object.freeze(own.map((spec): Option => ({
  ...spec,
  flag: `--${spec.flag ?? kebab(spec.key)}`,
  env: `REEDBASE_${kebab(spec.key).replaceAll('-', '_').toUpperCase()}`,
  isList: spec.form.kind === 'seeds' || spec.form.kind === 'databases' || spec.form.kind === 'peers' || spec.form.kind === 'alerts',
})))

export const CONFIG_ENV = 'REEDBASE_CONFIG'
/** In the data folder; read where no other file is named. */
export const DATA_DIR_CONFIG = 'reedbase.yaml'
/** Read elsewhere, so no unknown variable: stack traces on errors. */
export const DEBUG_ENV = 'REEDBASE_DEBUG'

/** What is allowed, in words that can end a sentence. */
export function allowedText(form: OptionForm): string {
  switch (form.kind) {
    case 'text': return form.allowed
    case 'path': return 'a path'
    case 'switch': return 'true or false'
    case 'listen': return 'an IP address of this host and a port, such as 127.0.0.1:7400 or [::1]:7400'
    case 'http': return 'auto, off, or an IP address of this host and a port, such as 127.0.0.1:7480'
    case 'host': return 'a host or host:port, such as db1.example.net:7400'
    case 'seeds': return 'host:port, dns:host:port or a multiaddr, such as 10.0.0.1:7400, dns:mesh.local:7400 or /ip4/10.0.0.1/tcp/7400'
    case 'peers': return 'a PeerId of a node, such as 12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'
    case 'databases': return 'name=path[,role=primary|replica][,threads=1–256][,memory=16MB–16TB][,strategy=…][,cpuThreshold=…][,memoryThreshold=…][,overloadLeaveMargin=…][,overloadDwell=…]'
    case 'alerts': return `rule=off or rule[=threshold][,for=…][,severity=warning|critical], for one of ${ALERT_RULE_NAMES.join(', ')}`
    case 'choice': return form.choices.join(', ').replace(/, ([^,]*)$/, ' or $1')
    case 'count': return `a whole number from ${form.min} to ${form.max}`
    case 'number': return `a number from ${form.min} to ${form.max}`
    case 'percent': return `a percentage from ${form.min} to ${form.max}`
    case 'duration': return `a duration with its unit (ms, s, m, h) from ${writeDuration(form.min)} to ${writeDuration(form.max)}`
    case 'size': return `a size with its unit (KB, MB, GB, TB) from ${writeSize(form.min)} to ${writeSize(form.max)}`
  }
}
