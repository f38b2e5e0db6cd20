import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { type ConnectionEnd, Connections, type ConnectionsParts, HTTP_STALL_MS } from '../../../../src/operations/http/connections.ts'
import { UNOBSERVED } from '../../../../src/operations/http/http-observer.ts'
import { VirtualClock } from '../../../support/query-plane.ts'
import { createRecordingLog } from '../../../support/recording-log.ts'

class FakeSocket extends EventEmitter {
  bytesWritten = 0
  writableLength = 0
  isDestroyed = false
  readonly remoteAddress: string
  readonly remotePort: number

  constructor(remoteAddress: string, remotePort: number) {
    super()
    this.remoteAddress = remoteAddress
    this.remotePort = remotePort
  }

  destroy(): void {
    this.isDestroyed = true
    this.emit('close')
  }
}

class FakeResponse extends EventEmitter {
  headersSent = false
}

function setUp(bounds: Partial<ConnectionsParts> = {}) {
  const clock = new VirtualClock()
  const log = createRecordingLog()
  const ends: ConnectionEnd[] = []
  const connections = new Connections({ max: 3, addressMax: 2, clock, log, observer: { ...UNOBSERVED, handleConnectionEnd: (reason) => { ends.push(reason) } }, ...bounds })
  const server = new EventEmitter()
  connections.follow(server)
  let port = 1_000
  return {
    clock, log, ends, connections, server,
    open: (address = '127.0.0.1'): FakeSocket => {
      const socket = new FakeSocket(address, port++)
      server.emit('connection', socket)
      return socket
    },
    ask: (socket: FakeSocket, { complete = true } = {}): FakeResponse => {
      const response = new FakeResponse()
      server.emit('request', { socket, complete }, response)
      return response
    },
  }
}

const destroyed = (sockets: readonly FakeSocket[]): boolean[] => sockets.map(({ isDestroyed }) => isDestroyed)

describe('where there is no room', () => {
  it('the connection that has been idle for longest makes way, whether or not it ever asked', () => {
    const { open, ask, ends, connections } = setUp()
    const sockets = [open(), open(), open()]
    ask(sockets[0] as FakeSocket).emit('close')
    open()
    expect(destroyed(sockets)).toEqual([false, true, false])
    open()
    expect(destroyed(sockets)).toEqual([false, true, true])
    open()
    expect(destroyed(sockets)).toEqual([true, true, true])
    expect([ends, connections.size]).toEqual([['full', 'full', 'full'], 3])
  })

  it('what is being answered stays, and the new one is refused', () => {
    const { open, ask, ends, connections } = setUp()
    const sockets = [open(), open(), open()]
    const responses = sockets.map((socket) => ask(socket))
    expect(open().isDestroyed).toBe(true)
    expect([destroyed(sockets), ends]).toEqual([[false, false, false], ['refused']])
    responses[1]?.emit('close')
    expect(open().isDestroyed).toBe(false)
    expect([destroyed(sockets), connections.size]).toEqual([[false, true, false], 3])
  })

  it('a request that has not all come makes way, and so does a reader who takes nothing', () => {
    const { open, ask, clock } = setUp()
    const sockets = [open(), open(), open()]
    ask(sockets[0] as FakeSocket)
    ask(sockets[1] as FakeSocket, { complete: false })
    ask(sockets[2] as FakeSocket)
    const next = open()
    ask(next)
    expect(destroyed(sockets)).toEqual([false, true, false])
    Object.assign(sockets[2] as FakeSocket, { bytesWritten: 10, writableLength: 10 })
    clock.advance(10_000)
    expect(open().isDestroyed).toBe(false)
    expect([destroyed(sockets), next.isDestroyed]).toEqual([[false, true, true], false])
  })

  it('a connection that closed leaves its room', () => {
    const { open, ends, connections } = setUp()
    for (let i = 0; i < 10; i++) open().destroy()
    expect([ends, connections.size]).toEqual([[], 0])
  })
})

describe('one address', () => {
  it('has a part of all connections, and closes only its own; this host has no such bound', () => {
    const { open, ends } = setUp({ max: 10 })
    const other = open('10.0.0.1')
    const sockets = [open('10.0.0.2'), open('10.0.0.2'), open('::ffff:10.0.0.2')]
    expect([other.isDestroyed, destroyed(sockets), ends]).toEqual([false, [true, false, false], ['full']])
    // Of IPv6 it is the network that one subscriber has.
    expect(destroyed([open('2001:db8::1'), open('2001:db8::2'), open('2001:db8::3')])).toEqual([true, false, false])
    expect(ends).toEqual(['full', 'full'])
    for (let i = 0; i < 4; i++) open('::1')
    expect(ends).toEqual(['full', 'full'])
  })
})

describe('a reader', () => {
  it('who takes nothing for 30 s is cut off; one who takes something now and then is not', () => {
    const { open, ask, clock, ends } = setUp()
    const [stalled, slow, idle] = [open(), open(), open()]
    for (const socket of [stalled, slow]) ask(socket)
    for (const socket of [stalled, slow]) Object.assign(socket, { bytesWritten: 200_000, writableLength: 100_000 })
    clock.advance(HTTP_STALL_MS)
    expect(stalled.isDestroyed).toBe(false)
    for (let second = 0; second < 300; second += 25) {
      slow.writableLength -= 1
      clock.advance(25_000)
    }
    expect([destroyed([stalled, slow, idle]), ends]).toEqual([[true, false, false], ['stalled']])
  })

  it('has more time for one large piece', () => {
    const { open, ask, clock } = setUp()
    const socket = open()
    ask(socket)
    Object.assign(socket, { bytesWritten: 1 << 20, writableLength: 1 << 20 })
    clock.advance(3 * HTTP_STALL_MS)
    expect(socket.isDestroyed).toBe(false)
    clock.advance(2 * HTTP_STALL_MS)
    expect(socket.isDestroyed).toBe(true)
  })

  it('for whom nothing is ready waits as long as it takes', () => {
    const { open, ask, clock } = setUp()
    const socket = open()
    ask(socket)
    clock.advance(10 * HTTP_STALL_MS)
    expect(socket.isDestroyed).toBe(false)
  })
})

describe('connections', () => {
  it('are told of in the log at once, then once a minute, and leave no timer behind', () => {
    const { open, ask, log, clock, connections } = setUp({ max: 1 })
    ask(open())
    for (let i = 0; i < 5; i++) open()
    expect(log.lines.filter((line) => line.startsWith('warn'))).toHaveLength(1)
    clock.advance(60_000)
    expect(log.lines.filter((line) => line.startsWith('warn'))).toHaveLength(2)
    clock.advance(120_000)
    expect(log.lines.filter((line) => line.startsWith('warn'))).toHaveLength(2)
    connections.close()
    expect(clock.pending).toBe(0)
  })

  it('under TLS are one, though two sockets tell of them', () => {
    const { server, open, ask, connections, clock } = setUp()
    const raw = open()
    const tls = new FakeSocket(raw.remoteAddress, raw.remotePort)
    server.emit('secureConnection', tls)
    const response = ask(tls)
    expect([connections.size, connections.isAnswered(tls)]).toEqual([1, false])
    response.headersSent = true
    expect(connections.isAnswered(tls)).toBe(true)
    Object.assign(tls, { bytesWritten: 1, writableLength: 1 })
    clock.advance(2 * HTTP_STALL_MS)
    expect(tls.isDestroyed).toBe(true)
  })
})
