import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { latencyChart } from '../../../src/cli/latency-chart.ts'
import type { LatencyNodeView, LatencyView } from '../../../src/wire/control.ts'
import { FakeProcess } from './fake-context.ts'

const noonMs = Date.UTC(2026, 0, 1, 12)
const timezone = process.env['TZ']
beforeAll(() => { process.env['TZ'] = 'UTC' })
afterAll(() => {
  if (timezone === undefined) delete process.env['TZ']
  else process.env['TZ'] = timezone
})

const remote1: LatencyNodeView = {
  name: 'remote1', peerId: 'b', state: 'alive', status: 'healthy', statusReason: null, role: 'primary', currentMs: 45.4, currentAtWallMs: noonMs - 2_000,
  roundTrips: { samples: 3_600, meanMs: 44, minMs: 40.2, minAtWallMs: noonMs - 600_000, maxMs: 180, maxAtWallMs: noonMs - 65_000 },
  points: [
    { atWallMs: noonMs - 3_600_000, samples: 60, meanMs: 45, minMs: 40.2, maxMs: 60 }, { atWallMs: noonMs - 3_540_000, samples: 60, meanMs: 90, minMs: 41, maxMs: 180 },
    { atWallMs: noonMs - 60_000, samples: 1, meanMs: 22.5, minMs: 22.5, maxMs: 22.5 },
  ],
  firstBytes: { samples: 12, meanMs: 97, minMs: 50, minAtWallMs: noonMs, maxMs: 300, maxAtWallMs: noonMs },
  traffic: {
    roundTrips: { samples: 10, meanMs: 45, p99Ms: 51 }, jitterMs: 1.5, lossRatio: 0, packetLossRatio: 0.1, firstBytes: { samples: 2, meanMs: 90, p99Ms: 100 },
    bytesPerSecond: 123_456, bandwidthBytesPerSecond: 98_000_000, quality: 0.66,
  },
  quality: 0.66,
}
const remote2: LatencyNodeView = {
  name: 'remote2', peerId: 'c', state: 'failed', status: 'unhealthy', statusReason: 'failed', role: 'replica', currentMs: null, currentAtWallMs: null,
  roundTrips: null, points: [], firstBytes: null, traffic: null, quality: null,
}
const view: LatencyView = { database: 'users_prod', hours: 1, thresholdMs: 200, pointMs: 60_000, sinceWallMs: noonMs - 3_600_000, nodes: [remote1, remote2] }

describe('db:latency', () => {
  it('is a line a peer, with its extremes and their times', async () => {
    const process = new FakeProcess({ control: () => view })
    expect(await process.run('db:latency', 'users_prod', '--hours', '1')).toEqual({
      code: 0, stderr: '',
      stdout: [
        'Database: users_prod',
        'Round trips since 11:00:00 (1h 0m). Threshold: 200ms',
        '┌───────────────────┬───────────┬─────────┬─────────┬──────────────────┬───────────────────┬─────────┬─────────┐',
        '│ Peer              │ Status    │ Current │ Average │              Min │               Max │ Samples │ Quality │',
        '├───────────────────┼───────────┼─────────┼─────────┼──────────────────┼───────────────────┼─────────┼─────────┤',
        '│ remote1 (primary) │ Healthy   │    45ms │    44ms │ 40ms at 11:50:00 │ 180ms at 11:58:55 │   3,600 │    0.66 │',
        '│ remote2           │ Unhealthy │       – │       – │                – │                 – │       0 │       – │',
        '└───────────────────┴───────────┴─────────┴─────────┴──────────────────┴───────────────────┴─────────┴─────────┘',
        'remote2: failed\n',
      ].join('\n'),
    })
    expect(process.requests).toEqual([{ method: 'latency', database: 'users_prod', hours: 1 }])
  })

  it('says how far back it really reaches', async () => {
    const young = { ...view, sinceWallMs: noonMs - 120_000 }
    expect((await new FakeProcess({ control: () => young }).run('db:latency', 'users_prod')).stdout).toContain('Round trips since 11:58:00 (2m 10s). Threshold')
  })

  it('tells the traffic with --wide', async () => {
    const { stdout } = await new FakeProcess({ control: () => view }).run('db:latency', 'users_prod', '--wide')
    const cells = stdout.split('\n').filter((line) => line.startsWith('│')).map((line) => line.split('│').map((cell) => cell.trim()).slice(9, -1))
    expect(cells).toEqual([
      ['p99', 'Jitter', 'Loss', 'First byte', 'Traffic', 'Bandwidth'],
      ['51ms', '1.5ms', '10%', '97ms of 12', '123 kB/s', '98 MB/s'],
      ['–', '–', '–', '–', '–', '–'],
    ])
    expect(stdout).toContain('of the last 10 s, loss of the last 15 s')
  })

  it('is JSON when asked, and asks for one hour by default', async () => {
    const process = new FakeProcess({ control: () => view })
    expect(JSON.parse((await process.run('db:latency', 'users_prod', '--json')).stdout)).toEqual(view)
    expect(process.requests).toEqual([{ method: 'latency', database: 'users_prod', hours: 1 }])
  })

  it('draws the course on a terminal, and gives up columns rather than break lines', async () => {
    const wide = await new FakeProcess({ control: () => view, terminal: true, columns: 160 }).run('db:latency', 'users_prod')
    // The first cell holds 45 and 90 ms, the last 22.5: a third of 67.5.
    expect(wide.stdout).toContain('│    0.66 │ █              ▃ │\n')
    const narrow = await new FakeProcess({ control: () => view, terminal: true, columns: 80 }).run('db:latency', 'users_prod')
    expect(narrow.stdout).toContain('│ Peer              │ Status    │ Current │ Average │               Max │\n')
    expect(narrow.stdout).toContain('Too narrow for: Min, Samples, Quality, Trend\n')
    expect(Math.max(...narrow.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
  })

  it('is watched until Ctrl-C, an object a line', async () => {
    const process = new FakeProcess({ control: () => {
      process.signal('SIGINT')
      return view
    } })
    expect(await process.run('db:latency', 'users_prod', '--watch', '--json')).toMatchObject({ code: 130, stdout: `${JSON.stringify(view)}\n` })
  })

  it('says that nobody else serves it', async () => {
    expect((await new FakeProcess({ control: () => ({ ...view, nodes: [] }) }).run('db:latency', 'users_prod')).stdout).toMatch(/\nNo other node serves it\.\n$/)
  })

  it.each(['0.1', '24', '1.5'])('takes --hours %s', async (hours) => {
    const process = new FakeProcess({ control: () => view })
    expect((await process.run('db:latency', 'users_prod', '--hours', hours)).code).toBe(0)
    expect(process.requests).toMatchObject([{ hours: Number(hours) }])
  })

  it.each(['0', '0.09', '24.1', '-1', '1h', '1e1', '', 'Infinity'])('refuses --hours %j', async (hours) => {
    const process = new FakeProcess({ control: () => view })
    const { code, stderr } = await process.run('db:latency', 'users_prod', `--hours=${hours}`)
    expect([code, stderr]).toEqual([2, expect.stringContaining('is not a number from 0.1 to 24 (ERR_OPTION_INVALID)\nnext: Give hours, as in --hours 1 or --hours 0.5.')])
    expect(process.requests).toEqual([])
  })
})

describe('the chart', () => {
  it('goes into a file beside the table', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'reedbase-chart-'))
    try {
      const path = join(folder, 'latency.svg')
      const { code, stdout, stderr } = await new FakeProcess({ control: () => view }).run('db:latency', 'users_prod', '--chart', path)
      expect([code, stdout.split('\n')[0], stderr]).toEqual([0, 'Database: users_prod', `Chart: ${path}\n`])
      expect(await readFile(path, 'utf8')).toBe(latencyChart(view, { nowWallMs: noonMs + 10_000 }))
      const refused = await new FakeProcess({ control: () => view }).run('db:latency', 'users_prod', '--chart', join(folder, 'none', 'x.svg'))
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('ENOENT') as string])
    } finally {
      await rm(folder, { recursive: true })
    }
    expect((await new FakeProcess({ control: () => view }).run('db:latency', 'users_prod', '--chart', 'x.svg', '--watch')).stderr).toContain('--watch goes on')
  })

  it('tells in words what it shows, and breaks its lines where nothing was measured', () => {
    const svg = latencyChart(view, { nowWallMs: noonMs })
    expect(svg).toContain('<title id="title">Round trips to the nodes of users_prod, 11:00:00 to 12:00:00</title>')
    expect(svg).toContain('remote1: healthy, average 44ms, least 40ms at 11:50:00, greatest 180ms at 11:58:55. remote2: unhealthy, nothing measured.')
    // A line of two points, and a point that stands alone.
    expect([svg.match(/class="mean"/g), svg.match(/<circle/g)].map((found) => found?.length)).toEqual([1, 1])
    expect(svg).toContain('threshold 200ms')
    expect(svg).toContain('>remote1 ★</text>')
    expect(svg).toMatch(/prefers-color-scheme: dark/)
  })

  it('is well-formed whatever a node is called', () => {
    const svg = latencyChart({ ...view, nodes: [{ ...remote1, name: '<b>&"\u0001' }] }, { nowWallMs: noonMs })
    expect(svg).toContain('>&lt;b&gt;&amp;&quot;\ufffd ★</text>')
    expect(svg).not.toContain('<b>')
  })

  it('is a chart without anything measured too, and bounds its lines', () => {
    expect(latencyChart({ ...view, nodes: [] }, { nowWallMs: noonMs })).toContain('Nothing was measured in this time.')
    const many = latencyChart({ ...view, nodes: Array.from({ length: 30 }, (_, index) => ({ ...remote1, name: `n${index}` })) }, { nowWallMs: noonMs })
    expect(many.match(/class="mean"/g)).toHaveLength(24)
    expect(many).toContain('>and 6 more</text>')
    expect(many).not.toContain('NaN')
  })
})
