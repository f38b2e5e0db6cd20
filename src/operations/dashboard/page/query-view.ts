/** The query box: runs a statement through the mesh, or asks where it would run; shows the rows and the route. */
import type { ExplainView } from '../../../wire/control.ts'
import type { LiveStateView } from '../../../wire/operations-views.ts'
import type { DashboardState } from './dashboard-state.ts'
import { byId, element, emptyNote, setText } from './elements.ts'
import { formatCount, formatMs, formatPercent, formatValue, UNKNOWN } from './format.ts'
import { postExplain, postQuery } from './node-requests.ts'
import { type Problem, RequestProblem } from './problem.ts'
import { readResult, ROWS_SHOWN_MAX, type ShownResult } from './query-result.ts'
import type { View } from './store.ts'

/** The mesh as tables, on every node and in no list. As src/wire has it; a page's module takes only types from there. */
const MESH_DATABASE = 'reedbase'
/** Types that engines line up to the right. */
const numeric = /^(u?(tiny|small|big|huge)?int|integer|float|double|real|decimal|numeric|int\d|float\d)/i

export function createQueryView({ signIn }: { readonly signIn: () => void }): View {
  const form = byId<HTMLFormElement>('query-form')
  const sql = byId<HTMLTextAreaElement>('query-sql')
  const database = byId<HTMLSelectElement>('query-database')
  const timeout = byId<HTMLSelectElement>('query-timeout')
  const run = byId<HTMLButtonElement>('query-run')
  const stop = byId<HTMLButtonElement>('query-stop')
  const explain = byId<HTMLButtonElement>('query-explain')
  const status = byId('query-status')
  const output = byId('query-output')
  let abort: AbortController | null = null
  let isChosen = false
  database.addEventListener('change', () => { isChosen = true })
  output.append(emptyNote('Ask the mesh', 'The statement goes to this node, which runs it here or on the nearest healthy copy, and says why.'))

  async function perform(what: string, request: (signal: AbortSignal) => Promise<readonly [string, ...HTMLElement[]]>): Promise<void> {
    if (sql.value.trim() === '') return sql.focus()
    abort?.abort()
    const own = abort = new AbortController()
    run.disabled = explain.disabled = true
    stop.disabled = false
    const startedMs = performance.now()
    setText(status, `${what} …`)
    const ticking = setInterval(() => setElapsed(status, what, performance.now() - startedMs), 1000)
    output.setAttribute('aria-busy', 'true')
    try {
      const [said, ...content] = await request(own.signal)
      setText(status, said)
      output.replaceChildren(...content)
    } catch (error) {
      if (own.signal.aborted) {
        setText(status, `Stopped after ${formatMs(performance.now() - startedMs)}. The engine was told to stop.`)
        output.replaceChildren()
      } else {
        const problem = error instanceof RequestProblem ? error.problem : { code: '', message: 'The node cannot be reached.', nextStep: 'Try again when the page is connected.' }
        setText(status, '')
        output.replaceChildren(problemBox(problem))
        if (error instanceof RequestProblem && error.status === 401) signIn()
      }
    } finally {
      clearInterval(ticking)
      output.removeAttribute('aria-busy')
      run.disabled = explain.disabled = false
      const hadFocus = document.activeElement === stop
      stop.disabled = true
      if (hadFocus) run.focus()
      if (abort === own) abort = null
    }
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void perform('Running', async (signal) => {
      const startedMs = performance.now()
      const result = readResult(await postQuery({ database: database.value, sql: sql.value, timeoutMs: Number(timeout.value) }, signal))
      return [`${formatCount(result.rowCount, 'row')} in ${formatMs(performance.now() - startedMs)}`, ...resultContent(result)]
    })
  })
  sql.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
    event.preventDefault()
    if (!run.disabled) form.requestSubmit()
  })
  stop.addEventListener('click', () => abort?.abort())
  explain.addEventListener('click', () => void perform('Asking', async (signal) => {
    const view = await postExplain({ database: database.value, sql: sql.value }, signal)
    return ['Explained; nothing was run.', explanation(view)]
  }))

  return (state, before) => {
    if (state.databases !== before?.databases || state.live?.members !== before?.live?.members) drawDatabases(database, namesOf(state), isChosen)
  }
}

function setElapsed(status: HTMLElement, what: string, elapsedMs: number): void {
  // A status that counts would be read out each second.
  setText(status, elapsedMs < 3000 ? `${what} …` : `${what} … for more than ${elapsedMs < 10_000 ? '3 s' : elapsedMs < 30_000 ? '10 s' : '30 s'}`)
}

/** Those of this node first, the mesh itself last. */
function namesOf({ databases, live }: DashboardState): string[] {
  const local = new Set(localNames(live))
  const names = new Set([...local, MESH_DATABASE, ...databases.map(({ name }) => name), ...(live?.members.flatMap((member) => member.databases.map(({ name }) => name)) ?? [])])
  return [...names].sort((one, other) => Number(one === MESH_DATABASE) - Number(other === MESH_DATABASE) || Number(local.has(other)) - Number(local.has(one)) || one.localeCompare(other))
}

function localNames(live: LiveStateView | null): string[] {
  return live?.members.find(({ isLocal }) => isLocal)?.databases.map(({ name }) => name) ?? []
}

/** The one that stands there is kept, but for the mesh itself, the only one that is known from the first: it stays where the reader chose it. */
function drawDatabases(select: HTMLSelectElement, names: readonly string[], isChosen: boolean): void {
  const shown = [...select.options].map(({ value }) => value)
  if (shown.join('\n') === names.join('\n')) return
  const chosen = select.value
  select.replaceChildren(...names.map((name) => element('option', { value: name }, name)))
  if (names.includes(chosen) && (isChosen || chosen !== MESH_DATABASE)) select.value = chosen
}

function problemBox({ code, message, nextStep }: Problem): HTMLElement {
  return element('div', { class: 'problem', role: 'alert' },
    element('p', {}, element('strong', {}, code === '' ? 'Not answered' : code), ' ', element('span', { class: 'problem-message' }, message)), nextStep === '' ? null : element('p', { class: 'quiet' }, nextStep))
}

function resultContent(result: ShownResult): HTMLElement[] {
  const { columns, rows, rowCount, route, engineMs, problem } = result
  const content: HTMLElement[] = []
  if (route !== null) {
    const where = route.decision === 'forward' ? `Ran on ${route.node ?? 'a peer'}${route.latencyMs === null ? '' : `, ${formatMs(route.latencyMs)} away` }` : `Ran here${route.node === null ? '' : `, on ${route.node}`}`
    content.push(element('p', { class: 'route-line' }, element('strong', {}, where), engineMs === null ? '' : `, ${formatMs(engineMs)} in the engine`, '. ', element('span', { class: 'quiet' }, route.reason)))
  }
  if (problem !== null) content.push(problemBox(problem))
  if (columns.length === 0 || rowCount === 0) {
    content.push(element('p', { class: 'quiet' }, columns.length === 0 ? 'The statement gave no rows.' : `No rows. Columns: ${columns.map(({ name }) => name).join(', ')}.`))
    return content
  }
  const isNumber = columns.map(({ type }) => numeric.test(type))
  content.push(element('div', { class: 'scroll result', role: 'group', 'aria-label': 'Rows of the result', tabindex: '0' },
    element('table', {},
      element('caption', { class: 'unseen' }, `Result: ${formatCount(rowCount, 'row')}`),
      element('thead', {}, element('tr', {}, ...columns.map(({ name, type }, index) => element('th', { scope: 'col', class: isNumber[index] === true ? 'number' : undefined }, name, ' ', element('small', {}, type.toLowerCase()))))),
      element('tbody', {}, ...rows.map((row) => element('tr', {}, ...columns.map((_, index) => {
        const value = row[index]
        return element('td', { class: [isNumber[index] === true ? 'number' : '', value === null ? 'null' : ''].join(' ').trim() || undefined }, formatValue(value))
      })))))))
  if (rowCount > ROWS_SHOWN_MAX) content.push(element('p', { class: 'quiet' }, `The first ${ROWS_SHOWN_MAX} of ${rowCount.toLocaleString('en')} rows are shown.`))
  return content
}

function explanation(view: ExplainView): HTMLElement {
  const { node, target, access, tables, reason, code, strategy, candidates, omitted, database } = view
  const where = target === null ? `Refused${code === null ? '' : ` with ${code}`}` : target.peerId === node.peerId ? `Here, on ${node.name}` : `On ${target.name}${target.latencyMs === null ? '' : `, ${formatMs(target.latencyMs)} away`}${target.via === null ? '' : `, by way of ${target.via}`}`
  return element('div', { class: 'explanation' },
    element('p', { class: 'route-line' }, element('strong', {}, where), '. ', element('span', { class: 'quiet' }, reason)),
    element('p', { class: 'quiet' }, `A ${access === 'unknown' ? 'statement of unknown access' : access} of ${database}${tables.length === 0 ? '' : ` (${tables.join(', ')})`}, by the strategy ${strategy}.`),
    element('div', { class: 'scroll result', role: 'group', 'aria-label': 'Candidates', tabindex: '0' }, element('table', { class: 'candidates' },
      element('caption', { class: 'unseen' }, 'Nodes that serve the database, and why each was chosen or passed over'),
      element('thead', {}, element('tr', {}, ...['Node', 'Verdict', 'Round trip', 'CPU', 'In flight', 'Why'].map((label, index) => element('th', { scope: 'col', class: index >= 2 && index <= 4 ? 'number' : undefined }, label)))),
      element('tbody', {}, ...candidates.map((candidate) => element('tr', { class: candidate.peerId === target?.peerId ? 'is-chosen' : undefined },
        element('th', { scope: 'row' }, candidate.name), element('td', {}, candidate.peerId === target?.peerId ? `✓ ${candidate.verdict}` : candidate.verdict), element('td', { class: 'number' }, candidate.isLocal ? 'here' : formatMs(candidate.latencyMs)),
        element('td', { class: 'number' }, formatPercent(candidate.cpuPercent)), element('td', { class: 'number' }, String(candidate.inFlight ?? UNKNOWN)), element('td', { class: 'why' }, candidate.reason)))))),
    omitted === 0 ? null : element('p', { class: 'quiet' }, `${formatCount(omitted, 'further node')} not listed.`))
}
