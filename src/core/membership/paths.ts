import type { Path, PathFinding } from './types.ts'

export type PathChange = { readonly from: PathFinding; readonly to: PathFinding } | null

/** Placeholder until the real one lands. */
export class PathBook {
  noteAck(_nowMs: number, _peerId: string): PathChange { return null }
  noteHeard(_nowMs: number, _peerId: string): PathChange { return null }
  noteLost(_nowMs: number, _peerId: string): PathChange { return null }
  noteIndirect(_nowMs: number, _peerId: string): PathChange { return null }
  noteStream(_nowMs: number, _peerId: string): PathChange { return null }
  forget(_peerId: string): void {}
  paths(): Path[] { return [] }
}
