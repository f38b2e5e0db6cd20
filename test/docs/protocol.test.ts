/** Holds docs/PROTOCOL.md to the code: every exported bound and default by value, every message and protocol by name. */
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { BATCH_BYTES_TARGET, BATCH_ROWS_MAX, SMALL_RESULT_BYTES_MAX } from '../../src/adapters/duckdb/result-encoder.ts'
import { keysMax, removedMax } from '../../src/adapters/files/keyring.ts'
import { SNAPSHOT_AGE_MS_MAX, SNAPSHOT_MEMBERS_MAX } from '../../src/adapters/files/member-snapshot.ts'
import { peersMax } from '../../src/adapters/files/peer-lists.ts'
import { DIRECT_DIAL_TIMEOUT_MS, DIRECT_PROTOCOL, DIRECT_REQUEST_BYTES_MAX, DIRECT_RETRY_MS, TICKETS_PER_CONNECTION_MAX } from '../../src/adapters/direct/direct-streams.ts'
import { TICKET_ID_BYTES, TICKET_LIFE_MS, TICKET_SECRET_BYTES } from '../../src/adapters/direct/tickets.ts'
import { GOSSIP_TOPICS } from '../../src/adapters/libp2p/gossip.ts'
import { MESH_LIMITS, STREAM_OPTIONS } from '../../src/adapters/libp2p/limits.ts'
import { GOODBYE_PROTOCOL } from '../../src/adapters/libp2p/mesh.ts'
import { ADDRESSES_PER_PEER_MAX } from '../../src/adapters/libp2p/network.ts'
import { PING_INBOUND_STREAMS_MAX, PING_PROTOCOL } from '../../src/adapters/libp2p/ping.ts'
import { REKEY_DEADLINE_MS, REKEY_STEP_MS, REKEY_WAIT_MS } from '../../src/adapters/libp2p/rekeying.ts'
import { STRANGER_LINE_BYTES_MAX } from '../../src/adapters/libp2p/stranger.ts'
import { databaseCharactersMax } from '../../src/adapters/local/control-request.ts'
import { MESSAGE_CHARACTERS_MAX } from '../../src/adapters/local/control-server.ts'
import { PROTOCOL_LINE_BYTES_MAX, PROTOCOL_LINE_TIMEOUT_MS } from '../../src/adapters/local/local-protocol.ts'
import { datagramBytesMax, guardBytes, headerBytes, payloadBytesMax, sealBytes } from '../../src/adapters/udp/datagram-header.ts'
import { ADMISSION_OPTIONS } from '../../src/core/admission/options.ts'
import { CACHE_OPTIONS } from '../../src/core/cache/options.ts'
import { LATENCY_OPTIONS } from '../../src/core/latency/options.ts'
import { TWO_HOP_OPTIONS } from '../../src/core/latency/two-hop-options.ts'
import { HOTSPOT_OPTIONS } from '../../src/core/load/hotspots.ts'
import { LOAD_OPTIONS } from '../../src/core/load/options.ts'
import { SERVICE_TIME_OPTIONS } from '../../src/core/load/service-times.ts'
import { MEMBERSHIP_OPTIONS } from '../../src/core/membership/options.ts'
import type { OptionRange } from '../../src/core/options/ranges.ts'
import { AFFINITY_OPTIONS } from '../../src/core/routing/affinity.ts'
import { FEEDBACK_OPTIONS } from '../../src/core/routing/feedback-options.ts'
import { HEDGING_OPTIONS } from '../../src/core/routing/hedging.ts'
import { ROUTING_OPTIONS } from '../../src/core/routing/options.ts'
import { OUTLIER_OPTIONS } from '../../src/core/routing/outlier-options.ts'
import { RETRY_BUDGET_OPTIONS } from '../../src/core/routing/retry-budget.ts'
import { TRANSACTION_OPTIONS } from '../../src/core/transactions/options.ts'
import { MONITOR_FIELDS_BYTES_MAX, MONITOR_LINES_MAX } from '../../src/node/log-stream.ts'
import { SECOND_SYNC_MS, SYNC_PROTOCOL, SYNC_TIMEOUT_MS, SYNCS_AT_ONCE_MAX, SYNCS_WAITING_MAX } from '../../src/node/sync-driver.ts'
import { COALESCING_OPTIONS } from '../../src/query/coalescing.ts'
import { HINT_TEXT_CHARACTERS_MAX, SESSION_CHARACTERS_MAX } from '../../src/query/hint-text.ts'
import * as queryLimits from '../../src/query/limits.ts'
import { QUERY_PROTOCOL } from '../../src/query/types.ts'
import { clusterKeyBytes } from '../../src/wire/cluster-key.ts'
import { wireVersion } from '../../src/wire/cluster.ts'
import { CONTROL_LINE_BYTES_MAX, CONTROL_PROTOCOL, LATENCY_HOURS_MAX, LATENCY_HOURS_MIN } from '../../src/wire/control.ts'
import { FRAME_BYTES_MAX } from '../../src/wire/framing.ts'
import { KEYS_MESSAGE_BYTES_MAX } from '../../src/wire/keys-codec.ts'
import { announcementBytesMax } from '../../src/wire/membership-codec.ts'
import { loadSnapshotBytesMax } from '../../src/wire/membership-load.ts'
import { badSignaturesMax } from '../../src/wire/membership-message-verifier.ts'
import { TIMEOUT_MS_MAX } from '../../src/wire/query-messages.ts'
import { REACHABILITY_ANSWER_BYTES_MAX, REACHABILITY_PATHS_MAX } from '../../src/wire/reachability-codec.ts'
import { EMPTY_ITEMS_MAX, FIELD_DEPTH_MAX, FIELDS_MAX, ITEMS_MAX } from '../../src/wire/results/column-field.ts'
import { syncBytesMax } from '../../src/wire/sync-codec.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = await readFile(`${root}/docs/PROTOCOL.md`, 'utf8')

/** Rooms whose exported numbers are all on the page, so that a new bound has to be written down. */
const numbers: Record<string, number> = {}
for (const room of ['admission', 'cache', 'coordinates', 'keyring', 'latency', 'load', 'membership', 'routing', 'values']) {
  for (const file of await readdir(`${root}/src/core/${room}`, { recursive: true })) {
    if (!file.endsWith('.ts')) continue
    for (const [name, value] of Object.entries(await import(`${root}/src/core/${room}/${file}`) as Record<string, unknown>)) {
      if (typeof value !== 'number') continue
      if (name in numbers) throw new Error(`two rooms export ${name}`)
      numbers[name] = value
    }
  }
}

const constants: Readonly<Record<string, number>> = {
  ...numbers,
  wireVersion, clusterKeyBytes, keysMax, removedMax, peersMax, KEYS_MESSAGE_BYTES_MAX, REKEY_STEP_MS, REKEY_WAIT_MS, REKEY_DEADLINE_MS, STRANGER_LINE_BYTES_MAX,
  SNAPSHOT_MEMBERS_MAX, SNAPSHOT_AGE_MS_MAX,
  datagramBytesMax, headerBytes, sealBytes, guardBytes, payloadBytesMax, announcementBytesMax, loadSnapshotBytesMax, badSignaturesMax,
  syncBytesMax, SYNC_TIMEOUT_MS, SECOND_SYNC_MS, SYNCS_AT_ONCE_MAX, SYNCS_WAITING_MAX,
  ...MESH_LIMITS, ...STREAM_OPTIONS, ADDRESSES_PER_PEER_MAX, PING_INBOUND_STREAMS_MAX,
  TICKET_ID_BYTES, TICKET_SECRET_BYTES, TICKET_LIFE_MS, TICKETS_PER_CONNECTION_MAX, DIRECT_REQUEST_BYTES_MAX, DIRECT_DIAL_TIMEOUT_MS, DIRECT_RETRY_MS,
  HINT_TEXT_CHARACTERS_MAX, SESSION_CHARACTERS_MAX, LATENCY_HOURS_MIN, LATENCY_HOURS_MAX,
  ...queryLimits, TIMEOUT_MS_MAX, FRAME_BYTES_MAX, CONTROL_LINE_BYTES_MAX, PROTOCOL_LINE_BYTES_MAX, PROTOCOL_LINE_TIMEOUT_MS, MESSAGE_CHARACTERS_MAX, databaseCharactersMax,
  MONITOR_LINES_MAX, MONITOR_FIELDS_BYTES_MAX, REACHABILITY_PATHS_MAX, REACHABILITY_ANSWER_BYTES_MAX,
  SMALL_RESULT_BYTES_MAX, BATCH_BYTES_TARGET, BATCH_ROWS_MAX, FIELDS_MAX, FIELD_DEPTH_MAX, ITEMS_MAX, EMPTY_ITEMS_MAX,
}

type Ranges = Readonly<Record<string, readonly number[]>>
const rangesOf = (table: Readonly<Record<string, OptionRange>>): Ranges => Object.fromEntries(Object.entries(table).map(([name, { default: value, min, max }]) => [name, [value, min, max]]))

/** Each option's default or presets, then its range, by the head of its tables' first column: machines may have options of one name. */
const options: Readonly<Record<string, Ranges>> = {
  'option': {
    ...Object.fromEntries(Object.entries(MEMBERSHIP_OPTIONS).map(([name, { presets, min, max }]) => [name, [presets.lan, presets.wan, presets.local, min, max]])),
    ...rangesOf(LATENCY_OPTIONS), ...rangesOf(LOAD_OPTIONS), ...rangesOf(ROUTING_OPTIONS), ...rangesOf(RETRY_BUDGET_OPTIONS),
  },
  'affinity option': rangesOf(AFFINITY_OPTIONS),
  'hedging option': rangesOf(HEDGING_OPTIONS),
  'feedback option': rangesOf(FEEDBACK_OPTIONS),
  'outlier option': rangesOf(OUTLIER_OPTIONS),
  'hotspot option': rangesOf(HOTSPOT_OPTIONS),
  'service-time option': rangesOf(SERVICE_TIME_OPTIONS),
  'two-hop option': rangesOf(TWO_HOP_OPTIONS),
  'admission option': rangesOf(ADMISSION_OPTIONS),
  'cache option': rangesOf(CACHE_OPTIONS),
  'coalescing option': rangesOf(COALESCING_OPTIONS),
  'transaction option': rangesOf(TRANSACTION_OPTIONS),
}

const units: Readonly<Record<string, number>> = { '': 1, '%': 1, 'ms': 1, 's': 1_000, 'min': 60_000, 'h': 3_600_000, 'B': 1, 'KiB': 2 ** 10, 'MiB': 2 ** 20, 'GiB': 2 ** 30, 'TiB': 2 ** 40 }

/** "1,400", "64 KiB", "0.2": the number that stands for it in the code. */
function quantity(text: string): number {
  const [, digits = '', unit = ''] = /^([\d,.]+) ?([A-Za-z%]*)$/.exec(text.trim()) ?? []
  const factor = units[unit]
  if (digits === '' || factor === undefined) throw new Error(`"${text}" is no quantity`)
  return Number(digits.replaceAll(',', '')) * factor
}

/** Rows of all tables whose first column has this head, as cells. */
function rowsUnder(head: string): string[][] {
  const rows: string[][] = []
  let inside = false
  for (const line of page.split('\n')) {
    if (!line.startsWith('|')) inside = false
    else if (line.startsWith(`| ${head} |`)) inside = true
    else if (inside && !line.startsWith('|---')) rows.push(line.split('|').slice(1, -1).map((cell) => cell.trim()))
  }
  return rows
}

const nameOf = (cell: string | undefined): string => /^`(\w+)`/.exec(cell ?? '')?.[1] ?? `no name in "${cell}"`

describe('docs/PROTOCOL.md', () => {
  it('names every constant once, with its value', () => {
    const written = rowsUnder('constant').map(([name, value]) => [nameOf(name), quantity(value ?? '')] as const)
    expect(written.map(([name]) => name).toSorted()).toEqual(Object.keys(constants).toSorted())
    // What is computed has more digits than anybody reads: it is written with three.
    const rounded = Object.entries(constants).map(([name, value]) => [name, String(value).length > 10 && !Number.isInteger(value) ? Number(value.toPrecision(3)) : value])
    expect(Object.fromEntries(written)).toEqual(Object.fromEntries(rounded))
  })

  it.each(Object.entries(options))('names every %s of the machines once, with its defaults and its range', (head, ranges) => {
    const written = rowsUnder(head).map((cells) => {
      const place = cells.findIndex((cell) => cell.includes(' – '))
      const [least = '', most = ''] = (cells[place] ?? '').split(' – ')
      const unit = /[a-zA-Z%]+$/.exec(most)?.[0] ?? ''
      // "1 – 100": both ends share the unit that is written once.
      const min = /[a-zA-Z%]/.test(least) ? least : `${least} ${unit}`.trim()
      return [nameOf(cells[0]), [...cells.slice(1, place), min, most].map(quantity)] as const
    })
    expect(written.map(([name]) => name).toSorted()).toEqual(Object.keys(ranges).toSorted())
    expect(Object.fromEntries(written)).toEqual(ranges)
  })

  it.each(['membership.proto', 'query.proto'])('mentions every message of %s', async (file) => {
    const proto = await readFile(`${root}/src/wire/${file}`, 'utf8')
    const messages = [...proto.matchAll(/^message (\w+)/gm)].map(([, name]) => name ?? '')
    expect(messages.length).toBeGreaterThan(5)
    expect(messages.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  })

  it('names every view and method of the control protocol', async () => {
    const source = (await Promise.all(['control', 'configuration-views', 'event-views', 'query-views'].map((file) => readFile(`${root}/src/wire/${file}.ts`, 'utf8')))).join('\n')
    const names = [...source.matchAll(/method: '([a-z-]+)'/g), ...source.matchAll(/^export interface (\w+View)/gm)].map(([, name]) => name ?? '')
    expect(names.length).toBeGreaterThan(8)
    expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  })

  it('names every protocol and topic of the code, and no other', async () => {
    const found = new Set<string>()
    for (const file of await readdir(`${root}/src`, { recursive: true })) {
      if (!file.endsWith('.ts') || file.includes('generated')) continue
      const source = await readFile(`${root}/src/${file}`, 'utf8')
      for (const [name] of source.matchAll(/\/reedbase\/[a-z]+\/[\d.]+/g)) found.add(name)
    }
    for (const name of [QUERY_PROTOCOL, CONTROL_PROTOCOL, GOODBYE_PROTOCOL, SYNC_PROTOCOL, ...Object.values(GOSSIP_TOPICS)]) expect(found).toContain(name)
    expect(found).toContain(DIRECT_PROTOCOL)
    expect(new Set([...page.matchAll(/\/reedbase\/[a-z]+\/[\d.]*\d/g)].map(([name]) => name))).toEqual(found)
    expect(page).toContain(PING_PROTOCOL)
  })

  it('names every reason for which a datagram is dropped', async () => {
    const source = await readFile(`${root}/src/ports/datagrams.ts`, 'utf8')
    const reasons = [...(/type DatagramDrop =([^;]*?)\n\n/s.exec(`${source}\n\n`)?.[1] ?? '').matchAll(/'([a-z-]+)'/g)].map(([, name]) => name ?? '')
    expect(reasons.length).toBeGreaterThan(5)
    expect(reasons.filter((reason) => !page.includes(`\`${reason}\``))).toEqual([])
  })

  it('names every event, evidence, path finding and policy of the machines', async () => {
    const [types, quorum, events] = await Promise.all(
      ['core/membership/types.ts', 'core/membership/quorum.ts', 'wire/event-views.ts']
        .map((file) => readFile(`${root}/src/${file}`, 'utf8')),
    ) as [string, string, string]
    const alternatives = (source: string, type: string): string[] =>
      [...(new RegExp(`type ${type} =(.*?)\\n(?:\\n|$)`, 's').exec(source)?.[1] ?? '').matchAll(/'([a-z-]+)'/g)].map(([, name]) => name ?? '')
    const told = [
      ...alternatives(types, 'Evidence'), ...alternatives(types, 'PathFinding'), ...alternatives(types, 'MemberEventType'), ...alternatives(quorum, 'MinorityPolicy'),
      ...[...events.matchAll(/readonly type: ('[a-z' |-]+')$/gm)].flatMap(([, union = '']) => [...union.matchAll(/'([a-z-]+)'/g)].map(([, name]) => name ?? '')).filter((name) => name.includes('-')),
    ]
    expect(told).toEqual(expect.arrayContaining(['operator', 'stream-only', 'path-restored', 'read-only', 'partition-ended', 'quorum-regained', 'name-conflict-ended']))
    expect(told.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  })

  it('numbers the evidence as the wire does', async () => {
    const [, list = ''] = /const evidences: [^=]+= \[(.*?)\]/.exec(await readFile(`${root}/src/wire/membership-codec.ts`, 'utf8')) ?? []
    const coded = [...list.matchAll(/null|'([a-z]+)'/g)].map(([, name], number) => [name, number]).slice(1)
    expect(coded.length).toBeGreaterThan(5)
    expect(rowsUnder('evidence').map(([name, number]) => [nameOf(name), Number(number)])).toEqual(coded)
  })

  it('speaks of no name that the code does not have', async () => {
    const known = new Set<string>()
    for (const file of await readdir(`${root}/src`, { recursive: true })) {
      if (!/\.(?:ts|proto)$/.test(file)) continue
      for (const [name] of (await readFile(`${root}/src/${file}`, 'utf8')).matchAll(/\w+/g)) known.add(name)
    }
    /** Counters are told with the name of their part in front: `membershipPingsSent`, `meshRefusedVersion`. */
    const isKnown = (name: string): boolean => known.has(name) || [...name.matchAll(/[A-Z]/g)].some(({ index }) =>
      index > 0 && known.has(name.slice(0, index)) && isKnown(name.charAt(index).toLowerCase() + name.slice(index + 1)))
    const ofOthers = ['TCP_NODELAY', 'streaming_buffer_size', 'wal_receiver_timeout']
    const named = [...page.matchAll(/`([a-z]+(?:[A-Z]\w*|_[a-z]\w*)|[A-Z]{2,}_[A-Z_]+)`/g)].map(([, name]) => name ?? '')
    expect(named.length).toBeGreaterThan(300)
    expect([...new Set(named)].filter((name) => !isKnown(name) && !ofOthers.includes(name))).toEqual([])
  })
})
