import { describe, expect, it } from 'vitest'
import { SimulatedMesh } from './mesh.ts'

function transcriptOf(seed: number): { hash: string; lines: number } {
  const mesh = new SimulatedMesh({ nodes: 40, seed, gossipsub: { delayMs: 10, lossRatio: 0.1 }, network: { lossRatio: 0.1, duplicateRatio: 0.1, reorderRatio: 0.1, reorderDelayMs: 50 } })
  mesh.startAll()
  mesh.runFor(5000)
  for (const victim of mesh.choose(5)) mesh.crash(victim)
  mesh.pause(mesh.choose(1)[0] as number, 2000)
  mesh.runFor(15_000)
  return { hash: mesh.transcript?.hash ?? '', lines: mesh.transcript?.lines ?? 0 }
}

describe('replay', () => {
  it('the same seed gives the same transcript, to the last packet', () => {
    const first = transcriptOf(7)
    expect(first.lines).toBeGreaterThan(10_000)
    expect(transcriptOf(7)).toEqual(first)
  })

  it('another seed gives another', () => {
    expect(transcriptOf(8).hash).not.toBe(transcriptOf(7).hash)
  })
})
