import { describe, expect, it } from 'vitest'
import { MeshError } from '../../../../src/errors.ts'
import { DiskHealth } from '../../../../src/operations/tables/disk-health.ts'
import { createRecordingLog } from '../../../support/recording-log.ts'

const at = (nowMs: number): { nowMs: number; wallMs: number } => ({ nowMs, wallMs: 1_000_000 + nowMs })
const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })

describe('whether the tables can be written', () => {
  it('looks behind the project\'s own errors', () => {
    const health = new DiskHealth(createRecordingLog())
    health.handleAttempt([new MeshError('ERR_DATA_DIR_UNUSABLE', 'nodes.csv cannot be written', { cause: full })], at(0))
    expect(health.problem).toMatchObject({ code: 'disk-full', message: expect.stringContaining('no space left') as string })
  })

  it('keeps the time of a problem while it is the same, and tells another one', () => {
    const log = createRecordingLog()
    const health = new DiskHealth(log)
    health.handleAttempt([full], at(0))
    health.handleAttempt([full], at(60_000))
    expect(health.problem?.sinceWallMs).toBe(1_000_000)
    health.handleAttempt([Object.assign(new Error('EROFS'), { code: 'EROFS' }), full], at(120_000))
    expect(health.problem).toMatchObject({ code: 'read-only', sinceWallMs: 1_120_000 })
    health.handleAttempt([], at(180_000))
    expect(health.problem).toBeNull()
    expect(log.lines.map((line) => line.split(' ', 1)[0])).toEqual(['warn', 'warn', 'info'])
  })

  it('waits a minute after each failure, and not at all while all is well', () => {
    const health = new DiskHealth(createRecordingLog())
    expect(health.canTry(0)).toBe(true)
    health.handleAttempt(['something odd'], at(10))
    expect([health.canTry(60_009), health.canTry(60_010), health.problem?.code]).toEqual([false, true, 'unwritable'])
  })
})
