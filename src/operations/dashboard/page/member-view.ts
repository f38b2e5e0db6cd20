/** What is known of the member that the reader chose, on the map or in the table. */
import { conditionOf, conditionWord } from './condition.ts'
import { byId, conditionLabel, element } from './elements.ts'
import { formatMs, formatPercent, formatPlace, UNKNOWN } from './format.ts'
import type { View } from './store.ts'

export function createMemberView({ unselect }: { readonly unselect: () => void }): View {
  const panel = byId('member')
  let shown = ''
  return (state, before) => {
    if (state.selected === before?.selected && state.live === before?.live) return
    const member = state.live?.members.find(({ peerId }) => peerId === state.selected)
    if (member === undefined) {
      shown = ''
      panel.replaceChildren()
      return
    }
    const near = (state.live?.distances ?? []).filter(({ from, to }) => from === member.peerId || to === member.peerId)
      .map(({ from, to, rttMs, isMeasured }) => ({ name: state.live?.members.find(({ peerId }) => peerId === (from === member.peerId ? to : from))?.name ?? '', rttMs, isMeasured }))
      .sort((one, other) => one.rttMs - other.rttMs).slice(0, 4)
    const facts: ReadonlyArray<readonly [string, string]> = [
      ['Round trip', member.isLocal ? 'this node' : formatMs(member.latencyMs)], ['CPU', formatPercent(member.cpuPercent)], ['Memory', formatPercent(member.memoryPercent)],
      ['In flight', member.inFlight === null ? UNKNOWN : String(member.inFlight)], ['Place', formatPlace(member.place)],
      ['Databases', member.databases.length === 0 ? 'none' : member.databases.map(({ name, role }) => `${name} (${role})`).join(', ')],
      ['Nearest', near.length === 0 ? UNKNOWN : near.map(({ name, rttMs, isMeasured }) => `${name} ${isMeasured ? '' : '≈ '}${formatMs(rttMs)}`).join(', ')],
      ['PeerId', member.peerId],
    ]
    const condition = conditionOf(member)
    const signature = JSON.stringify([member.name, condition, member.overloaded, facts])
    if (signature === shown) return
    shown = signature
    const hadFocus = panel.contains(document.activeElement)
    const close = element('button', { type: 'button', class: 'quiet-button', 'aria-label': `Close ${member.name}` }, '✕')
    close.addEventListener('click', unselect)
    panel.replaceChildren(
      element('div', { class: 'member-head' }, element('h3', {}, member.name), conditionLabel(condition, conditionWord(member)), close),
      element('dl', { class: 'facts' }, ...facts.map(([label, value]) => element('div', {}, element('dt', {}, label), element('dd', {}, value)))),
    )
    if (hadFocus) close.focus()
  }
}
