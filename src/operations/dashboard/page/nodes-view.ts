/** The table of nodes: the map in text, sorted and filtered as the reader likes. Only cells that changed are touched. */
import type { LiveMemberView } from '../../../wire/operations-views.ts'
import { conditionOf, conditionWord } from './condition.ts'
import { byId, conditionMark, element, emptyNote, setAttribute, setText } from './elements.ts'
import { formatCount, formatMs, formatPercent, formatPlace, UNKNOWN } from './format.ts'
import { type Column, type Order, orderedMembers } from './node-order.ts'
import type { View } from './store.ts'

const columns: ReadonlyArray<{ readonly column: Column; readonly label: string; readonly className: string }> = [
  { column: 'name', label: 'Node', className: 'name' },
  { column: 'condition', label: 'Status', className: 'status' },
  { column: 'latencyMs', label: 'Round trip', className: 'number' },
  { column: 'cpuPercent', label: 'CPU', className: 'number' },
  { column: 'memoryPercent', label: 'Memory', className: 'number is-memory' },
  { column: 'inFlight', label: 'In flight', className: 'number is-in-flight' },
  { column: 'place', label: 'Place', className: 'place' },
]

/** Rows that are scrolled out of view are drawn each so many times: a hundred of them would be laid out each second for nobody. */
const DRAWS_PER_HIDDEN = 10

interface Row {
  readonly row: HTMLTableRowElement
  readonly select: HTMLButtonElement
  readonly mark: HTMLElement
  readonly cells: Readonly<Record<Exclude<Column, 'name'>, HTMLElement>>
  readonly bar: HTMLElement
  condition: string
}

export function createNodesView({ select }: { readonly select: (peerId: string) => void }): View {
  const region = byId('nodes')
  const filter = byId<HTMLInputElement>('node-filter')
  const caption = element('caption', { class: 'unseen' })
  const body = element('tbody')
  const table = element('table', { class: 'nodes' }, caption)
  const waiting = emptyNote('Waiting for the node', 'Its members are listed here.')
  const nobody = emptyNote('No node fits the filter', 'Names, places, states and databases are searched.')
  const rows = new Map<string, Row>()
  const heads = new Map<Column, HTMLElement>()
  let order: Order | null = null
  let members: readonly LiveMemberView[] = []
  let selected: string | null = null
  let sequence = ''
  let draws = 0
  const inView = new Set<Element>()
  const watched = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) inView.add(target)
      else inView.delete(target)
    }
    if (entries.some(({ isIntersecting }) => isIntersecting)) draw()
  }, { root: region })

  table.append(element('thead', {}, element('tr', {}, ...columns.map(({ column, label, className }) => {
    const button = element('button', { type: 'button' }, label)
    const head = element('th', { scope: 'col', class: className }, button)
    heads.set(column, head)
    button.addEventListener('click', () => {
      order = order?.column !== column ? { column, isDescending: false } : order.isDescending ? null : { column, isDescending: true }
      for (const [name, other] of heads) setAttribute(other, 'aria-sort', order?.column === name ? (order.isDescending ? 'descending' : 'ascending') : null)
      draw()
    })
    return head
  }))), body)
  region.append(waiting)
  filter.addEventListener('input', () => draw({ all: true }))

  function draw({ all }: { readonly all: boolean } = { all: false }): void {
    if (members.length === 0) return
    const shown = orderedMembers(members, order, filter.value)
    setText(caption, `${formatCount(shown.length, 'node')}${shown.length === members.length ? '' : ` of ${members.length}`}; the name of a node shows more of it`)
    const present = new Set(members.map(({ peerId }) => peerId))
    for (const [peerId, { row }] of rows) {
      if (present.has(peerId)) continue
      row.remove()
      watched.unobserve(row)
      inView.delete(row)
      rows.delete(peerId)
    }
    draws += 1
    for (const member of shown) {
      const row = rows.get(member.peerId)
      if (row === undefined || inView.has(row.row) || all || draws % DRAWS_PER_HIDDEN === 0) drawRow(member)
    }
    const wanted = shown.map(({ peerId }) => peerId)
    if (wanted.join() !== sequence) {
      sequence = wanted.join()
      // Moving a row takes the focus off it.
      const focused = document.activeElement
      body.replaceChildren(...wanted.flatMap((peerId) => rows.get(peerId)?.row ?? []))
      if (focused instanceof HTMLElement && focused !== document.activeElement && body.contains(focused)) focused.focus({ preventScroll: true })
    }
    const content = shown.length === 0 ? nobody : table
    if (region.firstElementChild !== content) region.replaceChildren(content)
  }

  function drawRow(member: LiveMemberView): void {
    const row = rows.get(member.peerId) ?? addRow(member)
    const condition = conditionOf(member)
    setText(row.select, member.name)
    setAttribute(row.select, 'aria-pressed', String(member.peerId === selected))
    setAttribute(row.row, 'class', [member.isLocal ? 'is-local' : '', member.peerId === selected ? 'is-selected' : ''].join(' ').trim() || null)
    const status = `${condition}${String(member.overloaded)}`
    if (row.condition !== status) {
      row.condition = status
      setAttribute(row.row, 'data-condition', condition)
      row.mark.replaceChildren(conditionMark(condition))
      setText(row.cells.condition, conditionWord(member))
    }
    setText(row.cells.latencyMs, member.isLocal ? 'here' : formatMs(member.latencyMs))
    setText(row.cells.cpuPercent, formatPercent(member.cpuPercent))
    setText(row.cells.memoryPercent, formatPercent(member.memoryPercent))
    setText(row.cells.inFlight, member.inFlight === null ? UNKNOWN : String(member.inFlight))
    setText(row.cells.place, formatPlace(member.place))
    const width = `${Math.round((member.cpuPercent ?? 0) / 2) * 2}%`
    if (row.bar.style.width !== width) row.bar.style.width = width
  }

  function addRow({ peerId }: LiveMemberView): Row {
    const button = element('button', { type: 'button', class: 'name-button' })
    button.addEventListener('click', () => select(peerId))
    const [mark, condition, latencyMs, cpuPercent, memoryPercent, inFlight, place] = [element('span'), element('span', { class: 'condition-word' }), element('span'), element('span'), element('span'), element('span'), element('span')]
    const bar = element('span', { class: 'bar' })
    const row = element('tr', {},
      element('th', { scope: 'row', class: 'name' }, button), element('td', { class: 'status' }, mark, condition), element('td', { class: 'number' }, latencyMs), element('td', { class: 'number load' }, cpuPercent, bar),
      element('td', { class: 'number is-memory' }, memoryPercent), element('td', { class: 'number is-in-flight' }, inFlight), element('td', { class: 'place' }, place))
    const made = { row, select: button, mark, bar, condition: '', cells: { condition, latencyMs, cpuPercent, memoryPercent, inFlight, place } }
    rows.set(peerId, made)
    watched.observe(row)
    return made
  }

  /** Within the table; the page stays where it is. */
  function reveal(row: HTMLElement | undefined): void {
    if (row === undefined) return
    const headHeight = table.tHead?.offsetHeight ?? 0
    if (row.offsetTop - headHeight < region.scrollTop) region.scrollTop = row.offsetTop - headHeight
    else if (row.offsetTop + row.offsetHeight > region.scrollTop + region.clientHeight) region.scrollTop = row.offsetTop + row.offsetHeight - region.clientHeight
  }

  return (state, before) => {
    if (state.live === before?.live && state.selected === before?.selected) return
    members = state.live?.members ?? []
    selected = state.selected
    draw({ all: state.selected !== before?.selected })
    if (state.selected !== null && state.selected !== before?.selected) reveal(rows.get(state.selected)?.row)
  }
}
