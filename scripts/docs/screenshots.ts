// npm run screenshots [-- --out <folder>] [-- --only <name>]: pictures of the dashboard for the guides, taken in the system's Chromium of a simulated mesh.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import type { AlertView } from '../../src/wire/operations-views.ts'
import { findChromium, launchChromium } from '../../test/support/chromium.ts'
import { DashboardServer, type ServedFiles } from '../../test/support/dashboard-server.ts'
import { SimulatedMesh } from '../../test/support/simulated-mesh.ts'

interface Picture {
  readonly name: string
  readonly nodes: number
  readonly width: number
  readonly height: number
  readonly scheme: 'light' | 'dark'
  readonly isCalm?: boolean
  readonly isFullPage?: boolean
  readonly prepare?: (page: Page, server: DashboardServer) => Promise<void>
}

const wide = { width: 1280, height: 900 }
const phone = { width: 360, height: 780 }

/** Those of the guides first; the rest is for whoever works on the page. */
const pictures: readonly Picture[] = [
  { name: 'dashboard', nodes: 3, ...wide, scheme: 'light', isCalm: true, isFullPage: true, prepare: ask },
  { name: 'dashboard-narrow', nodes: 3, ...phone, scheme: 'light', isCalm: true },
  { name: 'dashboard-disconnected', nodes: 3, ...wide, height: 600, scheme: 'light', isCalm: true, prepare: disconnect },
  { name: 'dashboard-trouble', nodes: 100, ...wide, scheme: 'dark', prepare: selectNode },
]
const further: readonly Picture[] = [
  ...([360, 1280, 1920] as const).flatMap((width) => (['light', 'dark'] as const).flatMap((scheme) => [3, 100].map((nodes): Picture => (
    { name: `all-${nodes}-${width}-${scheme}`, nodes, width, height: 1000, scheme, isFullPage: true, prepare: nodes === 3 ? explain : selectNode })))),
  { name: 'all-empty-1280', nodes: 1, width: 1280, height: 1000, scheme: 'light', isCalm: true, isFullPage: true },
  { name: 'all-loading-1280', nodes: 0, width: 1280, height: 900, scheme: 'light', isFullPage: true },
  { name: 'all-loading-360', nodes: 0, width: 360, height: 900, scheme: 'light', isFullPage: true },
  { name: 'all-disconnected-360', nodes: 3, width: 360, height: 900, scheme: 'dark', prepare: disconnect },
  { name: 'all-error-1280', nodes: 3, width: 1280, height: 1000, scheme: 'light', isFullPage: true, prepare: fail },
  { name: 'all-sign-in', nodes: -1, width: 1280, height: 800, scheme: 'light' },
]

const { values } = parseArgs({ options: { out: { type: 'string' }, only: { type: 'string' }, all: { type: 'boolean', default: false } } })
const out = values.out ?? fileURLToPath(new URL('../../docs/guides/images/', import.meta.url))
const executable = await findChromium()
if (executable === null) throw new Error('no Chromium is on the PATH: apt-get install chromium')
const { dashboardFiles } = await import(new URL('../../dist/operations/dashboard/dashboard-files.js', import.meta.url).href) as { dashboardFiles: () => Promise<ServedFiles> }
const files = await dashboardFiles()
await mkdir(out, { recursive: true })
const browser = await launchChromium(executable)
try {
  for (const picture of values.all ? further : pictures) if (values.only === undefined || picture.name.includes(values.only)) await take(browser, picture)
} finally {
  await browser.close()
}

async function take(browser: Browser, { name, nodes, width, height, scheme, isCalm = false, isFullPage = false, prepare }: Picture): Promise<void> {
  const mesh = new SimulatedMesh({ nodes: Math.abs(nodes), seed: 7, isCalm })
  const now = Date.now()
  const names = mesh.members.map((member) => member.name)
  const last = names.at(-1) ?? ''
  if (!isCalm && nodes > 1) {
    mesh.alerts = alertsOf(now, last)
    mesh.overload(names[0] ?? '', 93)
  }
  const server = new DashboardServer({
    files, mesh, pastSeconds: nodes > 1 ? 600 : 0, rememberedMinutes: nodes > 1 ? 15 : 0, token: nodes < 0 ? 'a token of sixteen' : null,
    events: nodes > 1 ? [
      ...names.slice(1, 6).map((name, index) => mesh.event(now - 800_000 + index * 1300, name, 'member-joined', 'it greeted this node')),
      ...(isCalm ? [] : [mesh.event(now - 61_000, last, 'member-suspected', 'no ack within 500 ms, nor through 2 helpers'), mesh.event(now - 58_800, last, 'member-failed', 'nobody refuted it within 2.2 s; 3 members came to the same finding')]),
    ] : [],
    queries: nodes > 1 ? Array.from({ length: 40 }, (_, index) => mesh.query(now - (40 - index) * 730)).reverse() : [],
  })
  const url = await server.start()
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme, reducedMotion: 'reduce' })
  try {
    if (nodes === 0) server.isSilent = true
    await page.goto(url)
    if (nodes > 0) await page.waitForSelector('.nodes tbody tr')
    if (nodes > 0) await page.waitForSelector('.canvas canvas')
    if (nodes < 0) await page.waitForSelector('dialog[open]')
    for (let query = 0; query < (nodes > 1 ? 6 : 0); query++) server.tell('query', mesh.query(Date.now()))
    await prepare?.(page, server)
    await page.evaluate('scrollTo(0, 0)')
    // Lists are drawn four times a second.
    await page.waitForTimeout(600)
    await page.screenshot({ path: join(out, `${name}.png`), fullPage: isFullPage })
    process.stdout.write(`${join(out, `${name}.png`)}\n`)
  } finally {
    await page.close()
    await server.stop()
  }
}

function alertsOf(now: number, last: string): AlertView[] {
  return [
    { rule: 'cpu', severity: 'critical', subject: '', state: 'firing', value: 93.2, threshold: 90, unit: '%', summary: 'CPU has been above 90 % for 5 min. Move queries away, or give the node more.', sinceWallMs: now - 420_000, firedAtWallMs: now - 120_000, resolvedAtWallMs: null },
    { rule: 'peerLatency', severity: 'warning', subject: last, state: 'pending', value: 231, threshold: 200, unit: 'ms', summary: 'The 99th percentile of the round trips is above 200 ms. Look at the path with rdb reachability.', sinceWallMs: now - 95_000, firedAtWallMs: null, resolvedAtWallMs: null },
    { rule: 'forwardRate', severity: 'critical', subject: '', state: 'resolved', value: 34, threshold: 50, unit: '%', summary: 'More than half of the queries went to peers.', sinceWallMs: now - 1_900_000, firedAtWallMs: now - 1_300_000, resolvedAtWallMs: now - 700_000 },
  ]
}

async function ask(page: Page): Promise<void> {
  await page.selectOption('#query-database', 'crm')
  await page.fill('#query-sql', 'SELECT customer_id, name, sum(total) AS spent\nFROM invoices JOIN customers USING (customer_id)\nGROUP BY ALL ORDER BY spent DESC')
  await page.click('#query-run')
  await page.waitForSelector('.result')
}

async function explain(page: Page): Promise<void> {
  await page.fill('#query-sql', 'SELECT count(*) FROM orders')
  await page.click('#query-explain')
  await page.waitForSelector('.candidates')
}

async function fail(page: Page): Promise<void> {
  await page.fill('#query-sql', 'SELECT * FROM nothing_here')
  await page.click('#query-run')
  await page.waitForSelector('.problem')
  await page.click('#queries summary')
}

async function selectNode(page: Page): Promise<void> {
  await page.click('.nodes tbody tr:nth-child(3) button')
}

async function disconnect(page: Page, server: DashboardServer): Promise<void> {
  server.isDown = true
  server.breakStreams()
  await page.waitForSelector('#countdown')
}
