/** The dashboard in the system's Chromium, before a simulated mesh; one browser for all. The files are those of the build. */
import { AxeBuilder } from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findChromium, launchChromium } from '../../support/chromium.ts'
import { DashboardServer, type DashboardServerOptions, type ServedFiles } from '../../support/dashboard-server.ts'
import { SimulatedMesh } from '../../support/simulated-mesh.ts'

/** All that a scheme or a width changes. */
const LOOKS = ['color-contrast', 'link-in-text-block', 'target-size', 'scrollable-region-focusable']
const executable = await findChromium()
if (executable === null) process.stderr.write('\nSKIPPED: the dashboard is not tested, since no chromium is on the PATH (apt-get install --no-install-recommends chromium)\n\n')

describe.skipIf(executable === null)('the dashboard', () => {
  let browser: Browser
  let files: ServedFiles
  const ends: Array<() => Promise<unknown>> = []

  beforeAll(async () => {
    const built = await import(new URL('../../../dist/operations/dashboard/dashboard-files.js', import.meta.url).href) as { readonly dashboardFiles: () => Promise<ServedFiles> }
    files = await built.dashboardFiles()
    browser = await launchChromium(executable ?? '')
  })
  afterAll(async () => {
    await browser?.close()
    for (const end of ends) await end()
  })

  interface Opened {
    readonly page: Page
    readonly server: DashboardServer
    /** Errors of the page, refusals of its policy, and requests that went anywhere but to the server. */
    readonly problems: string[]
  }

  async function open(nodes: number, { width = 1280, scheme = 'light', ...options }: Partial<DashboardServerOptions> & { readonly width?: number; readonly scheme?: 'light' | 'dark' } = {}): Promise<Opened> {
    const server = new DashboardServer({ files, mesh: new SimulatedMesh({ nodes, seed: 7 }), ...options })
    const url = await server.start()
    ends.push(() => server.stop())
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme, reducedMotion: 'reduce' })
    const page = await context.newPage()
    const problems: string[] = []
    page.on('console', (message) => { if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text()) })
    page.on('pageerror', (error) => problems.push(String(error)))
    page.on('request', (request) => { if (!request.url().startsWith(url)) problems.push(`a request to ${request.url()}`) })
    await page.goto(url)
    if (options.token === undefined) await page.locator('.canvas canvas').first().waitFor()
    return { page, server, problems }
  }

  async function violations(page: Page, { rules = [], within = null }: { readonly rules?: readonly string[]; readonly within?: string | null } = {}): Promise<string[]> {
    // Without frames there is nothing that it would need a page of its own for.
    const axe = new AxeBuilder({ page }).setLegacyMode(true).options({ preload: false })
    if (rules.length > 0) axe.withRules([...rules])
    if (within !== null) axe.include(within)
    const { violations } = await axe.analyze()
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(' ')} (${failureSummary ?? ''})`).join('; ')}`)
  }

  /** Figures and states that their cell has no room for; names may be cut. */
  async function cutTexts(page: Page): Promise<unknown> {
    return await page.evaluate("[...document.querySelectorAll('.nodes td, .nodes thead th:not(.name), .figure-value, .figure-detail')].filter((cell) => cell.scrollWidth > cell.clientWidth).map((cell) => cell.textContent)")
  }

  it('is accessible, narrow and wide, light and dark, and no wider than its window', async () => {
    const mesh = new SimulatedMesh({ nodes: 6, seed: 7 })
    mesh.alerts = [{ rule: 'cpu', severity: 'critical', subject: '', state: 'firing', value: 93, threshold: 90, unit: '%', summary: 'CPU has been above 90 % for 5 min.', sinceWallMs: Date.now(), firedAtWallMs: Date.now(), resolvedAtWallMs: null }]
    const { page, problems } = await open(6, { width: 360, mesh, queries: [mesh.query(Date.now())], events: [mesh.event(Date.now(), 'lyon-1', 'member-failed', 'no ack')] })
    await page.fill('#query-sql', 'SELECT 1')
    await page.click('#query-explain')
    await page.locator('.candidates').waitFor()
    await page.locator('.nodes tbody button').nth(2).click()
    await page.locator('.member h3').waitFor()
    const overflow = (): Promise<unknown> => page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
    // What axe does to the page offends its policy.
    expect(problems).toEqual([])
    expect(await violations(page)).toEqual([])
    expect(await overflow()).toBe(0)
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await violations(page, { rules: LOOKS })).toEqual([])
    await page.setViewportSize({ width: 1280, height: 900 })
    expect(await violations(page, { rules: LOOKS })).toEqual([])
    expect(await overflow()).toBe(0)
    await page.emulateMedia({ colorScheme: 'light' })
    expect(await violations(page, { rules: LOOKS })).toEqual([])
    for (const width of [700, 1024, 1100, 1700]) {
      await page.setViewportSize({ width, height: 900 })
      expect([width, await overflow(), await cutTexts(page)]).toEqual([width, 0, []])
    }
  })

  it('shows each thing as it happens, as text', async () => {
    const { page, server, problems } = await open(3, { rememberedMinutes: 15 })
    const [, peer] = server.mesh.members
    expect(await page.locator('#announcer').textContent()).toBe('Connected.')
    // What the node remembers, from the beginning.
    await page.locator('#chart-rates .hint', { hasText: /^last 15 min$/ }).waitFor()
    expect(await page.locator('#chart-latency .hint').textContent()).toMatch(/^last 15 min, by minute to \d\d:\d\d:\d\d$/)
    expect(await page.locator('#chart-cpu .hint').textContent()).toMatch(/^last 15 min, peers from \d\d:\d\d:\d\d$/)
    expect(await page.locator('#node-name').textContent()).toBe('lyon-1')
    expect(await page.locator('#pill-quorum').textContent()).toBe('Quorum')

    server.mesh.change(peer?.name ?? '', { state: 'failed', status: 'unhealthy' })
    server.mesh.hasQuorum = false
    server.tellState()
    await page.locator('.nodes tr', { hasText: peer?.name ?? '' }).getByText('Failed').waitFor()
    expect(await page.locator('#pill-quorum').textContent()).toBe('No quorum')
    expect(await page.locator('#announcer').textContent()).toBe('Quorum lost.')
    expect(await page.locator('#map svg').getAttribute('aria-label')).toMatch(/3 nodes: 1 healthy, 2 failed/)

    server.tell('mesh', server.mesh.event(Date.now(), peer?.name ?? '', 'member-failed', 'nobody <b>refuted</b> it'))
    await page.locator('#events').getByText(`${peer?.name ?? ''} failed`).waitFor()
    expect(await page.locator('#events .entry-detail').first().textContent()).toBe('nobody <b>refuted</b> it')
    // With the event, not with the next state.
    const [, , third] = server.mesh.members
    server.tell('mesh', server.mesh.event(Date.now() - 1, third?.name ?? '', 'member-suspected', 'no ack'))
    await page.locator('.nodes tr', { hasText: third?.name ?? '' }).getByText('Suspect').waitFor()

    server.tell('query', { ...server.mesh.query(Date.now()), sql: 'SELECT <i>1</i>', decision: 'forward', executedBy: { peerId: peer?.peerId, name: 'milan-2' }, latencyMs: 7, outcome: 'ok', reason: 'too busy here' })
    await page.locator('#queries').getByText('shop to milan-2 (7.00 ms away)').waitFor()
    await page.locator('#queries summary').first().click()
    expect(await page.locator('#queries .facts dd').first().textContent()).toBe('SELECT <i>1</i>')
    await page.locator(`.routes .is-used`).waitFor({ state: 'attached' })

    server.tell('alert', { rule: 'memory', severity: 'critical', subject: '', state: 'firing', value: 96, threshold: 95, unit: '%', summary: 'Memory is above 95 %.', sinceWallMs: Date.now(), firedAtWallMs: Date.now(), resolvedAtWallMs: null })
    await page.locator('#alerts').getByText('Critical: memory').waitFor()
    expect(await page.locator('#announcer').textContent()).toBe('Alert: memory.')
    expect(await page.locator('#notices').textContent()).toMatch(/Memory is above 95 %/)
    expect(problems).toEqual([])
  })

  it('runs a query, tells an error in the words of the node, and stops one that takes too long', async () => {
    const { page, server, problems } = await open(3)
    // Of this node first; the mesh's own is known from the beginning, and still not what is asked.
    await page.locator('#query-database option', { hasText: 'crm' }).waitFor({ state: 'attached' })
    expect(await page.inputValue('#query-database')).toBe('shop')
    await page.selectOption('#query-database', 'crm')
    await page.fill('#query-sql', 'SELECT * FROM markup')
    await page.press('#query-sql', 'Control+Enter')
    await page.locator('.result').waitFor()
    expect(await page.locator('.result tbody tr').first().textContent()).toBe('4711Ada <script>alert(1)</script>1204.50')
    expect(await page.locator('.result tbody tr').last().locator('.null').textContent()).toBe('NULL')
    expect(await page.locator('.route-line').textContent()).toMatch(/^Ran on milan-2, 5\.\d+ ms away, 2\.40 ms in the engine\. Local node does not serve crm$/)
    expect(await page.locator('#query-status').textContent()).toMatch(/^3 rows in /)

    await page.fill('#query-sql', 'SELECT * FROM nothing_here')
    await page.click('#query-run')
    expect(await page.locator('.problem').textContent()).toMatch(/^ERR_SQL Catalog Error: .* not exist!Correct the statement/)
    expect(problems.splice(0)).toEqual([expect.stringContaining('status of 400')])

    await page.fill('#query-sql', 'SELECT slow()')
    await page.click('#query-run')
    await page.click('#query-stop')
    await expect.poll(() => server.cancelled).toBe(1)
    expect(await page.locator('#query-status').textContent()).toMatch(/^Stopped after /)
    expect(await page.locator('#query-run').isEnabled()).toBe(true)
    expect(problems).toEqual([])
  })

  it('says that it is disconnected, keeps what it knew, and comes back by itself', async () => {
    const { page, server } = await open(3)
    server.isDown = true
    server.breakStreams()
    await page.locator('#pill-connection', { hasText: 'Disconnected' }).waitFor()
    expect(await page.locator('#notices').textContent()).toMatch(/Not connected\..*Shown is what was known at \d\d:\d\d:\d\d/)
    expect(await page.locator('.nodes tbody tr').count()).toBe(3)
    // Nothing reassures, or worries, that may be otherwise by now.
    expect(await page.locator('#pill-quorum').getAttribute('data-weight')).toBe('plain')
    expect(await page.locator('#pill-quorum').textContent()).toMatch(/^Quorum at \d\d:\d\d:\d\d$/)
    expect(await page.locator('#alerts').textContent()).toMatch(/^Not known/)
    expect(await page.locator('#alerts-count').textContent()).toMatch(/^as of /)
    expect(new Set(await page.locator('.figure').evaluateAll((figures) => figures.map((figure) => (figure as unknown as { readonly dataset: { readonly weight: string } }).dataset.weight)))).toEqual(new Set(['plain']))
    expect(await page.title()).toMatch(/^\(not connected\) /)
    expect(await violations(page, { rules: LOOKS })).toEqual([])
    expect(await violations(page, { within: '#notices' })).toEqual([])
    server.isDown = false
    server.mesh.change('milan-2', { latencyMs: 6.25 })
    await page.locator('#pill-connection', { hasText: 'Live' }).waitFor()
    await page.locator('.nodes').getByText('6.25 ms').waitFor()
    expect(await page.locator('#notices').textContent()).toBe('')
    expect(await page.locator('#announcer').textContent()).toMatch(/Connected again/)
    expect(await page.locator('#pill-quorum').textContent()).toBe('Quorum')
    expect(await page.locator('#alerts').textContent()).toMatch(/^No alerts/)
    expect(await page.title()).not.toMatch(/not connected/)
  })

  it('is worked by keyboard alone', async () => {
    const { page } = await open(5)
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the mesh')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.id')).toBe('node-filter')
    await page.keyboard.type('tokyo')
    expect(await page.locator('.nodes tbody tr').count()).toBe(1)
    // The table, its seven heads but the hidden ones, and the name of the node.
    const seen: string[] = []
    for (let step = 0; step < 12 && seen.at(-1) !== 'tokyo-5'; step++) {
      await page.keyboard.press('Tab')
      seen.push(String(await page.evaluate('document.activeElement.id || document.activeElement.textContent')))
      expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid')
    }
    expect(seen).toEqual(['nodes', 'Node', 'Status', 'Round trip', 'CPU', 'Memory', 'In flight', 'tokyo-5'])
    await page.keyboard.press('Enter')
    expect(await page.locator('.member h3').textContent()).toBe('tokyo-5')
    expect(await page.locator('.nodes tbody button').getAttribute('aria-pressed')).toBe('true')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('tokyo-5')
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Enter')
    expect(await page.locator('.nodes [aria-sort]').getAttribute('aria-sort')).toBe('descending')
  })

  it('asks for the token of a node that wants one', async () => {
    const { page } = await open(3, { token: 'sixteen-letters-of-it' })
    await page.locator('dialog[open]').waitFor()
    expect(await violations(page, { within: 'dialog' })).toEqual([])
    await page.fill('#sign-in-token', 'wrong')
    await page.keyboard.press('Enter')
    await page.getByText('This is not the token of the node.').waitFor()
    await page.fill('#sign-in-token', 'sixteen-letters-of-it')
    await page.keyboard.press('Enter')
    await page.locator('.nodes tbody tr').first().waitFor()
    expect(await page.locator('dialog[open]').count()).toBe(0)
  })

  it('comes to rest: a mesh of 100 nodes that does not change moves nothing on the map', async () => {
    const { page, server } = await open(100)
    const places = (): Promise<string[]> => page.locator('.marks > g').evaluateAll((marks) => marks.map((mark) => (mark as unknown as { readonly style: { readonly transform: string } }).style.transform))
    const before = await places()
    expect(new Set(before).size).toBe(100)
    for (let second = 0; second < 5; second++) server.tick()
    server.mesh.change('lyon-1', { inFlight: 77 })
    server.tellState()
    await page.locator('.nodes').getByText('77', { exact: true }).waitFor()
    expect(await places()).toEqual(before)
  })
})
