import { describe, expect, it } from 'vitest'
import { serviceManager } from '../../../../src/adapters/system/service-manager.ts'
import { createRecordingLog } from '../../../support/recording-log.ts'

describe('serviceManager', () => {
  it('is told when the node is ready and when it stops', async () => {
    const runs: unknown[] = []
    const manager = serviceManager({ NOTIFY_SOCKET: '/run/systemd/notify' }, createRecordingLog(), async (command, args) => { runs.push([command, ...args]) })
    await manager.ready('listens')
    await manager.stopping()
    expect(runs).toEqual([
      ['systemd-notify', `--pid=${process.pid}`, 'READY=1', 'STATUS=listens'],
      ['systemd-notify', `--pid=${process.pid}`, 'STOPPING=1', 'STATUS=leaving the mesh'],
    ])
  })

  it('is none where nobody waits to be told', async () => {
    await serviceManager({}, createRecordingLog(), () => Promise.reject(new Error('never run'))).ready('listens')
  })

  it('that cannot be told is a warning with what to do, and no more', async () => {
    const log = createRecordingLog()
    await serviceManager({ NOTIFY_SOCKET: '@x' }, log, () => Promise.reject(new Error('ENOENT'))).ready('listens')
    expect(log.lines).toEqual([expect.stringContaining('warn the service manager was not told')])
  })
})
