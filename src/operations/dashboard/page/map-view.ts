/** The mesh as a map, in SVG. The table of nodes says the same in text. */
import type { LiveMemberView, LiveStateView } from '../../../wire/operations-views.ts'
import { CONDITION_SHAPES, CONDITION_WORDS, type Condition, conditionOf } from './condition.ts'
import { endedWallMs, type ShownQuery } from './dashboard-state.ts'
import { byId, conditionMark, element, emptyNote, setAttribute, setText, svgElement } from './elements.ts'
import { formatMs } from './format.ts'
import { placeLabels } from './label-places.ts'
import { MeshLayout } from './mesh-layout.ts'
import { ringsOf } from './rtt-scale.ts'
import type { View } from './store.ts'
import { meshSentence } from './summaries.ts'

/** As `LiveRatesView` has it. */
const ROUTES_SPAN_MS = 10_000
/** With more, only lines of the selected member are drawn. */
const LINKED_MEMBERS_MAX = 40

const LEGEND: readonly Condition[] = ['healthy', 'degraded', 'suspect', 'unhealthy', 'failed', 'joining', 'left']

interface Mark {
  readonly group: SVGGElement
  readonly shape: SVGPathElement
  readonly halo: SVGCircleElement
  readonly route: SVGLineElement
}

export interface MapOptions {
  readonly select: (peerId: string) => void
}

export function createMapView({ select }: MapOptions): View {
  const map = byId('map')
  const layout = new MeshLayout()
  const rings = svgElement('g', { class: 'rings' })
  const links = svgElement('g', { class: 'links' })
  const routes = svgElement('g', { class: 'routes' })
  const nodes = svgElement('g', { class: 'marks' })
  const labels = svgElement('g', { class: 'labels' })
  const svg = svgElement('svg', { role: 'img', 'aria-label': 'Map of the mesh', focusable: 'false' }, rings, links, routes, nodes, labels)
  const marks = new Map<string, Mark>()
  const texts = new Map<string, SVGTextElement>()
  let size = { width: 0, height: 0 }
  let drawn: LiveStateView | null = null
  let selected: string | null = null
  let labelled = ''

  const waiting = emptyNote('Waiting for the node', 'The map comes with its first word.')
  map.append(waiting, svg)
  svg.classList.add('is-empty')
  const legend = new Map<Condition | 'overloaded', HTMLElement>(LEGEND.map((condition) => [condition, element('li', {}, conditionMark(condition), CONDITION_WORDS[condition])]))
  legend.set('overloaded', element('li', {}, svgElement('svg', { class: 'mark', viewBox: '-1.5 -1.5 3 3', 'aria-hidden': 'true' }, svgElement('circle', { r: '1.2', class: 'halo is-shown' })), 'Overloaded'))
  byId('map-legend').append(...legend.values())

  new ResizeObserver(([entry]) => {
    if (entry === undefined) return
    size = { width: entry.contentRect.width, height: entry.contentRect.height }
    svg.setAttribute('viewBox', `${-size.width / 2} ${-size.height / 2} ${size.width} ${size.height}`)
    if (drawn !== null) place(drawn)
  }).observe(map)

  svg.addEventListener('click', ({ target }) => {
    const peerId = target instanceof Element ? target.closest('[data-peer]')?.getAttribute('data-peer') : null
    if (peerId !== null && peerId !== undefined) select(peerId)
  })

  /** Of the circle that the layout fills. */
  function radius(): number {
    return Math.max(60, Math.min(size.width, size.height) / 2 - 20)
  }

  function markRadius({ cpuPercent }: LiveMemberView, count: number): number {
    const scale = count > 60 ? 0.62 : count > 25 ? 0.8 : 1
    // In steps of 5 %, lest the map shimmers.
    const load = cpuPercent === null ? 0 : Math.round(cpuPercent / 5) * 5
    return (5.5 + 9 * Math.sqrt(load / 100)) * scale * (size.width < 420 ? 0.85 : 1)
  }

  function place(live: LiveStateView): void {
    if (size.width === 0) return
    const scale = radius()
    rings.replaceChildren(...ringsOf(layout.scale).flatMap(({ rttMs, radius }) => [
      svgElement('circle', { r: (radius * scale).toFixed(1) }),
      svgElement('text', { y: (-radius * scale - 3).toFixed(1), 'text-anchor': 'middle' }, ringText(rttMs)),
    ]))
    for (const { peerId } of live.members) {
      const mark = marks.get(peerId)
      const at = layout.position(peerId)
      if (mark === undefined || at === undefined) continue
      const [x, y] = [(at.x * scale).toFixed(1), (at.y * scale).toFixed(1)]
      mark.group.style.transform = `translate(${x}px, ${y}px)`
      setAttribute(mark.route, 'x2', x)
      setAttribute(mark.route, 'y2', y)
    }
    link(live)
    label(live)
  }

  function label(live: LiveStateView): void {
    const scale = radius()
    const count = live.members.length
    const important = (member: LiveMemberView): number => Number(member.peerId === selected) * 8 + Number(member.isLocal) * 4 + Number(member.state === 'failed') + Number(conditionOf(member) !== 'healthy') * 2
    const wanted = [...live.members].sort((one, other) => important(other) - important(one)).flatMap((member) => {
      const at = layout.position(member.peerId)
      return at === undefined ? [] : [{ key: member.peerId, text: member.name, x: at.x * scale, y: at.y * scale, radius: markRadius(member, count) }]
    })
    const names = new Map(wanted.map(({ key, text }) => [key, text]))
    const places = placeLabels(wanted, { width: size.width / 2, height: size.height / 2 }, ringsOf(layout.scale).map(({ radius }) => ({ left: -22, right: 22, top: -radius * scale - 14, bottom: -radius * scale })))
    const kept = new Set(places.map(({ key }) => key))
    for (const [key, text] of texts) {
      if (kept.has(key)) continue
      text.remove()
      texts.delete(key)
    }
    for (const { key, x, y, anchor } of places) {
      let text = texts.get(key)
      if (text === undefined) {
        text = svgElement('text', { 'data-peer': key })
        texts.set(key, text)
        labels.append(text)
      }
      setText(text, names.get(key) ?? '')
      setAttribute(text, 'x', x.toFixed(1))
      setAttribute(text, 'y', y.toFixed(1))
      setAttribute(text, 'text-anchor', anchor)
      setAttribute(text, 'class', key === selected ? 'is-selected' : null)
    }
  }

  /** Between neighbours, for all in a small mesh and for the selected one in a large one. */
  function link(live: LiveStateView): void {
    const scale = radius()
    const shown = live.distances.filter(({ from, to }) => from !== live.from && to !== live.from && (live.members.length <= LINKED_MEMBERS_MAX || from === selected || to === selected))
    links.replaceChildren(...shown.flatMap(({ from, to, isMeasured }) => {
      const [one, other] = [layout.position(from), layout.position(to)]
      if (one === undefined || other === undefined) return []
      return [svgElement('line', {
        x1: (one.x * scale).toFixed(1), y1: (one.y * scale).toFixed(1), x2: (other.x * scale).toFixed(1), y2: (other.y * scale).toFixed(1),
        class: [isMeasured ? '' : 'is-estimated', from === selected || to === selected ? 'is-selected' : ''].join(' ').trim() || undefined,
      })]
    }))
  }

  function drawMarks(live: LiveStateView): void {
    const conditions = new Set<Condition | 'overloaded'>(['healthy', ...live.members.flatMap((member) => (member.overloaded ? [conditionOf(member), 'overloaded' as const] : [conditionOf(member)]))])
    for (const [condition, item] of legend) item.hidden = !conditions.has(condition)
    const present = new Set(live.members.map(({ peerId }) => peerId))
    for (const [peerId, mark] of marks) {
      if (present.has(peerId)) continue
      mark.group.remove()
      mark.route.remove()
      marks.delete(peerId)
    }
    for (const member of live.members) {
      let mark = marks.get(member.peerId)
      if (mark === undefined) {
        mark = { group: svgElement('g', { 'data-peer': member.peerId }), shape: svgElement('path', { 'fill-rule': 'evenodd' }), halo: svgElement('circle', { class: 'halo' }), route: svgElement('line', { x1: '0', y1: '0' }) }
        mark.group.append(mark.halo, mark.shape)
        nodes.append(mark.group)
        routes.append(mark.route)
        marks.set(member.peerId, mark)
      }
      const radius = markRadius(member, live.members.length)
      const condition = conditionOf(member)
      setAttribute(mark.group, 'data-condition', condition)
      setAttribute(mark.group, 'class', [member.isLocal ? 'is-local' : '', member.peerId === selected ? 'is-selected' : ''].join(' ').trim() || null)
      setAttribute(mark.shape, 'd', CONDITION_SHAPES[condition])
      setAttribute(mark.shape, 'transform', `scale(${radius.toFixed(2)})`)
      setAttribute(mark.halo, 'r', (radius + 4).toFixed(1))
      setAttribute(mark.halo, 'class', `halo${member.overloaded ? ' is-shown' : ''}`)
    }
  }

  function drawRoutes(live: LiveStateView, queries: readonly ShownQuery[]): void {
    const counts = new Map<string, number>()
    for (const { query } of queries) {
      if (query.executedBy === null || query.sentBy !== null || endedWallMs(query) < live.atWallMs - ROUTES_SPAN_MS) continue
      counts.set(query.executedBy.peerId, (counts.get(query.executedBy.peerId) ?? 0) + 1)
    }
    for (const [peerId, { route }] of marks) {
      const count = counts.get(peerId) ?? 0
      setAttribute(route, 'class', count > 0 ? 'is-used' : null)
      if (count > 0) setAttribute(route, 'stroke-width', (1 + Math.min(4, Math.log2(count + 1))).toFixed(1))
    }
  }

  return (state, before) => {
    const { live } = state
    if (live === null) return
    if (state.selected !== before?.selected) selected = state.selected
    const isSelectionNew = state.selected !== before?.selected
    if (live !== drawn || isSelectionNew) {
      const moved = layout.update(live.members, live.distances)
      drawMarks(live)
      waiting.hidden = true
      svg.classList.remove('is-empty')
      const names = live.members.map((member) => `${member.name}${conditionOf(member)}`).join()
      if (moved || drawn === null || isSelectionNew || names !== labelled) place(live)
      labelled = names
      drawn = live
      setAttribute(svg, 'aria-label', `Map of the mesh. ${meshSentence(live)} The table of nodes has each of them.`)
    }
    drawRoutes(live, state.queries)
  }
}

function ringText(rttMs: number): string {
  return rttMs >= 1 ? `${rttMs} ms` : formatMs(rttMs).replace(/0+ ms$/, ' ms')
}
