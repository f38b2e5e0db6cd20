/** Real meshes on loopback for these tests, ended after each. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import { createMesh } from '../../../src/adapters/libp2p/mesh.ts'
import type { Mesh, MeshOptions } from '../../../src/adapters/libp2p/mesh.ts'
import { createRandom } from '../../../src/core/time/random.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { Log } from '../../../src/ports/log.ts'

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
}

export interface Rig {
  mesh(options?: Partial<MeshOptions>): Promise<Mesh>
  /** Stops all, newest first. */
  stop(): Promise<void>
}

let seed = 1

export function createRig(): Rig {
  const meshes: Mesh[] = []
  return {
    async mesh(options = {}) {
      const mesh = await createMesh({
        privateKey: await generateKeyPair('Ed25519'),
        host: '127.0.0.1',
        port: 0,
        clusterKeys: [],
        log: silentLog,
        clock: systemClock,
        random: createRandom(seed++),
        ...options,
      })
      meshes.push(mesh)
      await mesh.start()
      return mesh
    },
    async stop() {
      await Promise.all(meshes.splice(0).reverse().map((mesh) => mesh.stop()))
    },
  }
}

export function addressOf(mesh: Mesh): { peerId: string; multiaddrs: string[] } {
  return { peerId: mesh.peerId, multiaddrs: mesh.multiaddrs() }
}

/** Waits for a condition that the network brings about; the test's own timeout is the bound. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => { setTimeout(resolve, 5) })
}

/** The system's clock, until a test turns it ahead and so brings about what would take minutes. */
export function createTurnableClock(): Clock & { turn(aheadMs: number): void } {
  let aheadMs = 0
  const armed = new Set<{ readonly atMs: number; readonly callback: () => void; readonly cancel: () => void }>()
  const clock = {
    nowMs: () => systemClock.nowMs() + aheadMs,
    wallMs: () => systemClock.wallMs() + aheadMs,
    setTimer: (delayMs: number, callback: () => void) => {
      const timer = systemClock.setTimer(delayMs, () => {
        armed.delete(entry)
        callback()
      })
      const entry = { atMs: clock.nowMs() + delayMs, callback, cancel: () => { timer.cancel() } }
      armed.add(entry)
      return {
        cancel: () => {
          timer.cancel()
          armed.delete(entry)
        },
      }
    },
    turn: (byMs: number) => {
      aheadMs += byMs
      for (const entry of [...armed]) {
        if (entry.atMs > clock.nowMs() || !armed.delete(entry)) continue
        entry.cancel()
        entry.callback()
      }
    },
  }
  return clock
}
