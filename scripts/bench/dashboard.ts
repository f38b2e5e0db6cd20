/**
 * The dashboard in the system's Chromium: how soon it is there and shows what happened, beside a mesh of three real nodes, and what it costs
 * the browser to watch 100 nodes that all change each second.
 */
import type { Browser, Page } from 'playwright-core'
import type { NodeStatusView } from '../../src/wire/control.ts'
import { TestMesh } from '../../test/support/processes.ts'
import { findChromium, launchChromium } from '../../test/support/chromium.ts'
import { DashboardServer, type ServedFiles } from '../../test/support/dashboard-server.ts'
import { SimulatedMesh } from '../../test/support/simulated-mesh.ts'
import { readFlags } from '../flags.ts'

const usage = `npm run bench:dashboard [-- options]
  --seconds N  how long 100 nodes are watched (20)
  --json       figures as JSON
  --check      exit 1 when an asked figure is missed`
const { values: flags } = readFlags(usage, { options: { seconds: { type: 'string', default: '20' }, json: { type: 'boolean', default: false }, check: { type: 'boolean', default: false } } })
const seconds = Number(flags.seconds)

interface Figure {
  readonly what: string
  readonly value: number
  readonly worst: number | null
  readonly unit: 'ms' | '%'
  /** Null: nothing was asked. */
  readonly below: number | null
}

function figure(what: string, values: readonly number[], unit: Figure['unit'], below: number | null = null): Figure {
  const sorted = [...values].sort((one, other) => one - other)
  return { what, value: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN, worst: sorted.length > 1 ? sorted.at(-1) ?? null : null, unit, below }
}

async function firstPaints(browser: Browser, url: string): Promise<{ readonly paintMs: number; readonly meshMs: number }> {
  // A context of its own has nothing in its cache.
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 } })
  const page = await context.newPage()
  await page.goto(url)
  await page.locator('.nodes tbody tr').first().waitFor()
  const figures = await page.evaluate("({ paintMs: performance.getEntriesByName('first-contentful-paint')[0].startTime, meshMs: performance.now() })") as { paintMs: number; meshMs: number }
  await context.close()
  return figures
}

/** From the end of a query, as its client sees it, until its text is on the page; both by the clock of this machine. */
async function eventToScreen(page: Page, url: string, round: number): Promise<number> {
  const mark = `SELECT ${round} AS seen`
  const shown = page.evaluate(`new Promise((resolve) => {
    const region = document.getElementById('queries')
    const look = () => { if (region.textContent.includes(${JSON.stringify(mark)})) requestAnimationFrame(() => resolve(Date.now())); else setTimeout(look, 4) }
    look()
  })`) as Promise<number>
  const response = await fetch(new URL('/api/v1/query', url), { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json' }, body: JSON.stringify({ database: 'reedbase', sql: mark }) })
  await response.text()
  const endedMs = Date.now()
  if (!response.ok) throw new Error(`the query was answered with status ${response.status}`)
  return Math.max(0, await shown - endedMs)
}

interface ProcessTimes {
  readonly processInfo: ReadonlyArray<{ readonly type: string; readonly cpuTime: number }>
}

async function watchCost(browser: Browser, files: ServedFiles): Promise<Figure[]> {
  const mesh = new SimulatedMesh({ nodes: 100, seed: 7 })
  const server = new DashboardServer({ files, mesh, pastSeconds: 900 })
  const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } })
  const clock = setInterval(() => {
    server.tick()
    server.tell('query', mesh.query(Date.now()))
  }, 1000)
  try {
    await page.goto(await server.start())
    await page.locator('.canvas canvas').first().waitFor()
    await page.waitForTimeout(3000)
    const [ofPage, ofBrowser] = [await page.context().newCDPSession(page), await browser.newBrowserCDPSession()]
    await ofPage.send('Performance.enable')
    const read = async (): Promise<Record<'tasks' | 'script' | 'layout' | 'renderer' | 'gpu' | 'wall', number>> => {
      const metrics = new Map((await ofPage.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]))
      const { processInfo } = await ofBrowser.send('SystemInfo.getProcessInfo') as ProcessTimes
      const cpu = (type: string): number => processInfo.filter((process) => process.type.toLowerCase() === type).reduce((sum, { cpuTime }) => sum + cpuTime, 0)
      return { tasks: metrics.get('TaskDuration') ?? 0, script: metrics.get('ScriptDuration') ?? 0, layout: (metrics.get('LayoutDuration') ?? 0) + (metrics.get('RecalcStyleDuration') ?? 0), renderer: cpu('renderer'), gpu: cpu('gpu'), wall: performance.now() / 1000 }
    }
    const before = await read()
    await page.waitForTimeout(seconds * 1000)
    const after = await read()
    const percent = (name: keyof typeof before): number[] => [((after[name] - before[name]) / (after.wall - before.wall)) * 100]
    return [
      // Wall time: on a machine with other work it holds waits for a processor too.
      figure('100 nodes, main thread busy (wall time)', percent('tasks'), '%'),
      figure('– of it script', percent('script'), '%'), figure('– of it style and layout', percent('layout'), '%'),
      figure('100 nodes, CPU of the renderer process, all threads', percent('renderer'), '%', 5), figure('– beside it the process that composes, in software here', percent('gpu'), '%'),
    ]
  } finally {
    clearInterval(clock)
    await page.close()
    await server.stop()
  }
}

const executable = await findChromium()
if (executable === null) {
  process.stdout.write('SKIPPED: no chromium is on the PATH (apt-get install --no-install-recommends chromium)\n')
  process.exit(0)
}
const { dashboardFiles } = await import(new URL('../../dist/operations/dashboard/dashboard-files.js', import.meta.url).href) as { dashboardFiles: () => Promise<ServedFiles> }
const files = await dashboardFiles()
const figures: Figure[] = []
const mesh = await TestMesh.create()
const browser = await launchChromium(executable)
try {
  const [first] = await mesh.startAll(['one', 'two', 'three'], { args: ['--http-listen', '127.0.0.1:0'] })
  const url = (await first?.ask<NodeStatusView>({ method: 'status' }))?.http
  if (typeof url !== 'string') throw new Error('the node serves no HTTP')
  const paints: Array<{ readonly paintMs: number; readonly meshMs: number }> = []
  for (let round = 0; round < 5; round++) paints.push(await firstPaints(browser, url))
  figures.push(figure('first contentful paint, nothing cached (5 loads)', paints.map(({ paintMs }) => paintMs), 'ms', 1000), figure('until the mesh is shown', paints.map(({ meshMs }) => meshMs), 'ms'))
  const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } })
  await page.goto(url)
  await page.locator('.nodes tbody tr').nth(2).waitFor()
  const delays: number[] = []
  for (let round = 0; round < 10; round++) delays.push(await eventToScreen(page, url, round + 1_000_000))
  figures.push(figure('from the end of a query until it is on the page (10)', delays, 'ms', 1000))
  await page.close()
  await mesh.stop()
  figures.push(...await watchCost(browser, files))
} finally {
  await browser.close()
  await mesh.stop()
}

const missed = figures.filter(({ value, below }) => below !== null && !(value < below))
if (flags.json) process.stdout.write(`${JSON.stringify({ figures }, null, 2)}\n`)
else {
  process.stdout.write('| | median | worst | asked | |\n| --- | ---: | ---: | ---: | --- |\n')
  for (const { what, value, worst, unit, below } of figures) {
    const shown = (number: number | null): string => (number === null ? '' : `${number.toFixed(unit === '%' ? 1 : 0)} ${unit}`)
    process.stdout.write(`| ${what} | ${shown(value)} | ${shown(worst)} | ${below === null ? '' : `< ${below} ${unit}`} | ${below === null ? '' : value < below ? 'met' : 'missed'} |\n`)
  }
}
if (flags.check && missed.length > 0) process.exitCode = 1
