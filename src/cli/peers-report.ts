import type { PeersView } from '../wire/control.ts'
import type { TextOutput } from './context.ts'
import { drawTable } from './table.ts'

export function peersText({ entries, isExclusive, refused }: PeersView, output: TextOutput): string {
  if (entries.length === 0) return 'Both lists are empty: every peer that proves a cluster key is let in.\n'
  const table = drawTable([{ title: 'List' }, { title: 'Name' }, { title: 'PeerId' }, { title: 'Set by' }], entries.map(({ list, name, peerId, source }) => (
    [output.style(list === 'deny' ? 'red' : 'green', list), name === peerId ? '–' : name, peerId, source])), output)
  const rule = isExclusive ? 'Only peers on the allow list are let in, unless they are denied.\n' : 'Every peer that proves a cluster key is let in, unless it is denied.\n'
  return table + rule + (refused.length === 0 ? '' : `Members that this node refuses: ${refused.map(({ name }) => name).join(', ')}\n`)
}
