import { describe, expect, it } from 'vitest'
import { HOPS_MAX, relayDecision, type RelayDecision } from '../../../../src/core/latency/relay-decision.ts'

const decide = (visited: readonly string[], finalPeerId: string, self = 'relay', reachable: readonly string[] = ['final']): RelayDecision => relayDecision({ visited, finalPeerId }, self, (peerId) => reachable.includes(peerId))

describe('a query without a final node', () => {
  it.each([[[]], [['entry']]])('after %j is for this node', (visited) => {
    expect(decide(visited, '')).toEqual({ kind: 'here' })
  })

  it('goes no further than one hop', () => {
    expect(decide(['entry', 'other'], '')).toMatchObject({ kind: 'refuse', code: 'ERR_HOP_LIMIT', reason: 'the query has been through 2 nodes; it may be forwarded once' })
  })
})

describe('a query with a final node', () => {
  it('is passed on once, with the relay among those that had it', () => {
    expect(decide(['entry'], 'final')).toEqual({ kind: 'relay', to: 'final', visited: ['entry', 'relay'] })
  })

  it.each([[['entry']], [['entry', 'relay']]])('after %j is for that node', (visited) => {
    expect(decide(visited, 'final', 'final')).toEqual({ kind: 'here' })
  })

  it('is not passed on where the relay cannot reach it', () => {
    expect(decide(['entry'], 'final', 'relay', [])).toMatchObject({ kind: 'refuse', code: 'ERR_PEER_UNREACHABLE' })
  })

  it.each<[string, readonly string[], string, string]>([
    ['from a client', [], 'final', 'relay'],
    ['from a client to the node itself', [], 'final', 'final'],
    ['at a second relay', ['entry', 'first'], 'final', 'relay'],
    ['back at the relay', ['entry', 'relay'], 'final', 'relay'],
    ['back at the entry node', ['entry'], 'final', 'entry'],
    ['meant for the entry node', ['final'], 'final', 'relay'],
    ['after three nodes', ['entry', 'first', 'second'], 'final', 'final'],
    ['after one node twice', ['entry', 'entry'], 'final', 'final'],
  ])('is refused %s', (_what, visited, finalPeerId, self) => {
    expect(decide(visited, finalPeerId, self)).toMatchObject({ kind: 'refuse', code: 'ERR_HOP_LIMIT' })
  })
})

describe('however nodes pass queries on', () => {
  it('none goes through more than two others, none through one twice', () => {
    const nodes = ['a', 'b', 'c', 'd']
    let ended = 0
    const follow = (visited: readonly string[], finalPeerId: string, self: string): void => {
      expect(visited.length).toBeLessThanOrEqual(HOPS_MAX + 1)
      const decision = relayDecision({ visited, finalPeerId }, self, () => true)
      if (decision.kind === 'relay') {
        expect(new Set(decision.visited).size).toBe(decision.visited.length)
        expect(decision.visited).not.toContain(decision.to)
        follow(decision.visited, finalPeerId, decision.to)
        // And to whoever a relay that cheats may send it.
        for (const other of nodes) if (other !== decision.to) expect(relayDecision({ visited: decision.visited, finalPeerId }, other, () => true).kind).toBe('refuse')
      } else ended++
    }
    for (const entry of nodes) for (const first of nodes) for (const final of ['', ...nodes]) follow([entry], final, first)
    expect(ended).toBe(80)
  })
})
