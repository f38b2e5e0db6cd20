import { describe, expect, it, vi } from 'vitest'
import type { Parts, RunningNode } from '../../../src/cli/context.ts'
import { MeshError } from '../../../src/errors.ts'
import type { NodeOptions } from '../../../src/node/options.ts'
import { FakeProcess } from './fake-context.ts'

interface FakeNode {
  readonly started: Promise<NodeOptions>
  readonly stops: string[]
  readonly end: () => void
  readonly part: Parts['node']
}

function fakeNode({ stopHangs = false } = {}): FakeNode {
  const started = Promise.withResolvers<NodeOptions>()
  const done = Promise.withResolvers<void>()
  const stops: string[] = []
  const startNode = (options: NodeOptions): Promise<RunningNode> => {
    started.resolve(options)
    return Promise.resolve({
      done: done.promise,
      stop: (reason) => {
        stops.push(reason)
        if (!stopHangs) done.resolve()
        return done.promise
      },
    })
  }
  return { started: started.promise, stops, end: () => done.resolve(), part: () => Promise.resolve({ startOperatedNode: startNode }) }
}

// The log goes to the real stdout; error level keeps it silent here.
const quiet = ['--log-level', 'error', '--log-format', 'json']

describe('start', () => {
  it('hands every flag to the node', async () => {
    const node = fakeNode()
    const process = new FakeProcess({ node: node.part, env: { REEDBASE_RACK: 'r1' } })
    const outcome = process.run('start', ...quiet, '--name', 'local1', '--listen', '[::1]:0', '--seed', 'a:1', '--seed', 'b:2', '--db', 'users=./u,role=primary', '--insecure', '--ping-interval', '10s', '--membership-preset', 'local')
    const options = await node.started
    process.signal('SIGTERM')
    expect(await outcome).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(options).toMatchObject({
      name: 'local1', listen: { host: '::1', port: 0 }, seeds: ['a:1', 'b:2'], insecure: true, pingIntervalMs: 10_000, rack: 'r1', membershipPreset: 'local',
      databases: [{ name: 'users', path: '/srv/u', role: 'primary' }], dataDir: '/srv/.reedbase',
    })
    expect([node.stops, process.listensForSignals]).toEqual([['SIGTERM'], false])
  })

  it('says that it is ready when all of it has started, and nothing where it does not', async () => {
    const node = fakeNode()
    const all = Promise.withResolvers<void>()
    const process = new FakeProcess({ node: async () => {
      const { startOperatedNode } = await node.part()
      return { startOperatedNode: async (...given) => {
        const running = await startOperatedNode(...given)
        await all.promise
        return running
      } }
    } })
    const outcome = process.run('start', ...quiet)
    await node.started
    expect(process.told).toEqual([])
    all.resolve()
    await vi.waitFor(() => { expect(process.told).toEqual(['ready']) })
    node.end()
    await outcome
    const failing = new FakeProcess({ node: () => Promise.resolve({ startOperatedNode: () => Promise.reject(new MeshError('ERR_PORT_BUSY', 'taken')) }) })
    expect([(await failing.run('start', ...quiet)).code, failing.told]).toEqual([2, []])
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('dies at once of a second %s', async (signal) => {
    const node = fakeNode({ stopHangs: true })
    const process = new FakeProcess({ node: node.part })
    const outcome = process.run('start', ...quiet)
    await node.started
    process.signal(signal)
    process.signal(signal)
    expect(process.exits).toEqual([signal])
    node.end()
    await outcome
  })

  it('leaves in order when the signal comes during the start', async () => {
    const node = fakeNode()
    const gate = Promise.withResolvers<void>()
    const process: FakeProcess = new FakeProcess({ node: async () => {
      process.signal('SIGINT')
      await gate.promise
      return await node.part()
    } })
    const outcome = process.run('start', ...quiet)
    gate.resolve()
    expect(await outcome).toMatchObject({ code: 0 })
    expect(node.stops).toEqual(['SIGINT'])
  })

  it('ends a start that hangs 5 s after the signal, and leaves one that has ended alone', async () => {
    vi.useFakeTimers()
    try {
      const hung = new FakeProcess({ node: () => Promise.resolve({ startOperatedNode: () => new Promise<never>(() => undefined) }) })
      const outcome = hung.run('start', ...quiet)
      await vi.waitFor(() => { expect(hung.listensForSignals).toBe(true) })
      hung.signal('SIGTERM')
      await vi.advanceTimersByTimeAsync(4_900)
      expect(hung.exits).toEqual([])
      await vi.advanceTimersByTimeAsync(200)
      expect(hung.exits).toEqual(['SIGTERM'])
      expect(await outcome).toMatchObject({ code: 143 })

      const node = fakeNode({ stopHangs: true })
      const slow = new FakeProcess({ node: node.part })
      const stopped = slow.run('start', ...quiet)
      await node.started
      await vi.advanceTimersByTimeAsync(0)
      slow.signal('SIGTERM')
      await vi.advanceTimersByTimeAsync(60_000)
      expect([slow.exits, node.stops]).toEqual([[], ['SIGTERM']])
      node.end()
      await stopped
    } finally {
      vi.useRealTimers()
    }
  })

  it('shows what keeps it from starting', async () => {
    const process = new FakeProcess({ node: () => Promise.resolve({ startOperatedNode: () => Promise.reject(new MeshError('ERR_PORT_BUSY', '127.0.0.1:7400 is taken over TCP')) }) })
    expect(await process.run('start', ...quiet)).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(/^error: 127\.0\.0\.1:7400 is taken over TCP \(ERR_PORT_BUSY\)\nnext: Stop what holds the port/) as string })
    expect(process.listensForSignals).toBe(false)
  })

  it('refuses a bad option before anything starts', async () => {
    expect(await new FakeProcess().run('start', '--listen', 'here')).toMatchObject({ code: 2, stderr: expect.stringContaining('--listen is "here"') as string })
    expect(await new FakeProcess({ env: { REEDBASE_LISTN: 'x' } }).run('start')).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean REEDBASE_LISTEN?') as string })
  })
})
