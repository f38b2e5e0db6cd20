import { execFile } from 'node:child_process'
import { createConnection } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { createRig } from './rig.ts'

const rig = createRig()

afterEach(() => rig.stop())

describe('stop', () => {
  it('leaves nothing that keeps a process alive', async () => {
    const script = fileURLToPath(new URL('./lifecycle-process.ts', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', script], { timeout: 30_000 })
    expect(stdout).toBe('stopped\n')
  })

  it('frees the port', async () => {
    const mesh = await rig.mesh()
    const { port } = mesh
    await mesh.stop()
    const code = await new Promise<string | undefined>((resolve) => {
      createConnection(port, '127.0.0.1').on('error', (error: NodeJS.ErrnoException) => { resolve(error.code) }).on('connect', () => { resolve('connected') })
    })
    expect(code).toBe('ECONNREFUSED')
  })

  it('is final, may be called twice, and refuses what comes after', async () => {
    const mesh = await rig.mesh()
    await mesh.stop()
    await mesh.stop()
    await expect(mesh.start()).rejects.toMatchObject({ code: 'ERR_NODE_STOPPED' })
    await expect(mesh.dial('127.0.0.1:1')).rejects.toMatchObject({ code: 'ERR_NODE_STOPPED' })
    await expect(mesh.open(mesh.peerId, '/test/1')).rejects.toMatchObject({ code: 'ERR_NODE_STOPPED' })
  })

  it('ends within its bound when a peer no longer reads', async () => {
    const [left, right] = await Promise.all([rig.mesh(), rig.mesh()])
    await right.handle('/test/1', (stream) => {
      stream.onBytes(() => undefined)
      stream.pause()
    }, { inboundStreamsMax: 1 })
    await left.dial(right.multiaddrs()[0] ?? '')
    const stream = await left.open(right.peerId, '/test/1')
    const closed = new Promise<Error | null>((resolve) => { stream.onClose(resolve) })
    stream.onBytes(() => undefined)
    for (let more = true; more;) more = stream.send(new Uint8Array(65_536))
    await left.stop()
    expect(await closed).toBeInstanceOf(Error)
  })
})
