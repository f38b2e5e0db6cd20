/** What a caller sends may come back in an error; neither its size nor its content may end the process (an unhandled rejection fails the run). */
import { describe, expect, it } from 'vitest'
import { serveControl, type ControlHandler } from '../../../../src/adapters/local/control-server.ts'
import { parseControlRequest } from '../../../../src/adapters/local/control-request.ts'
import { MeshError } from '../../../../src/errors.ts'
import { CONTROL_LINE_BYTES_MAX, type ControlReply } from '../../../../src/wire/control.ts'
import { memoryStreamPair } from '../../../support/memory-byte-stream.ts'

/** The replies until the server ends, or the error that it ended with. */
function call(line: string, handler: ControlHandler): Promise<ControlReply[] | Error> {
  const { a, b } = memoryStreamPair({ windowBytes: 4 << 20 })
  serveControl(b, handler)
  const pieces: Uint8Array[] = []
  return new Promise((resolve) => {
    a.onBytes((bytes) => pieces.push(bytes))
    a.onEnd(() => {
      a.close().catch(() => undefined)
      resolve(Buffer.concat(pieces).toString('utf8').split('\n').filter(Boolean).map((text) => JSON.parse(text) as ControlReply))
    })
    a.onClose((error) => resolve(error ?? new Error('closed')))
    a.send(Buffer.from(`${line}\n`, 'utf8'))
  })
}

const NODES = JSON.stringify({ method: 'nodes', database: 'd' })

describe('control server', () => {
  it('refuses the name of a database that is longer than any, without echoing it', async () => {
    expect(parseControlRequest(JSON.stringify({ method: 'nodes', database: 'd'.repeat(64) }))).toMatchObject({ method: 'nodes' })
    const line = JSON.stringify({ method: 'nodes', database: 'x'.repeat(CONTROL_LINE_BYTES_MAX - 60) })
    const replies = await call(line, () => { throw new Error('asked') })
    expect(replies).toMatchObject([{ error: { code: 'ERR_OPTION_INVALID' } }])
    expect(JSON.stringify(replies).length).toBeLessThan(1000)
  })

  it('cuts the texts of an error, so that it fits a line', async () => {
    const long = 'x'.repeat(2 * CONTROL_LINE_BYTES_MAX)
    const replies = await call(NODES, () => Promise.reject(new MeshError('ERR_DATABASE_UNKNOWN', long, { nextStep: long, details: { database: long, tried: 2 } })))
    expect(replies).toMatchObject([{ error: { code: 'ERR_DATABASE_UNKNOWN', details: { tried: 2 } } }])
    expect(JSON.stringify(replies).length).toBeLessThan(4000)
  })

  it('says so when an answer is too long', async () => {
    await expect(call(NODES, () => Promise.resolve('x'.repeat(CONTROL_LINE_BYTES_MAX)))).resolves.toMatchObject([{ error: { code: 'ERR_PROTOCOL' } }])
  })

  it('sends a list that is too long for a line in parts, and every item once', async () => {
    const list = Array.from({ length: 3_000 }, (_, index) => ({ index, text: 'x'.repeat(800) }))
    const replies = await call(NODES, () => Promise.resolve(list)) as ControlReply[]
    expect(replies.map((reply) => Object.keys(reply)[0])).toEqual(['part', 'part', 'part', 'part', 'result'])
    expect(replies.flatMap((reply) => ('part' in reply ? reply.part : 'result' in reply ? reply.result : null))).toEqual(list)
    await expect(call(NODES, () => Promise.resolve([]))).resolves.toEqual([{ result: [] }])
    await expect(call(NODES, () => Promise.resolve([list[0], 'x'.repeat(CONTROL_LINE_BYTES_MAX)]))).resolves.toMatchObject([{ part: [list[0]] }, { error: { code: 'ERR_PROTOCOL' } }])
  })

  it('breaks the connection when not even the error can be sent', async () => {
    const details = { count: 1n as unknown as number }
    await expect(call(NODES, () => Promise.reject(new MeshError('ERR_SQL', 'no', { details })))).resolves.toBeInstanceOf(Error)
    await expect(call(NODES, () => Promise.reject(Object.create(null) as Error))).resolves.toBeInstanceOf(Error)
  })

  it.each(['', '{', 'null', '[]', '"x"', '{"method":{"a":1}}', `{"method":${'['.repeat(200_000)}${']'.repeat(200_000)}}`])('answers nonsense with an error: %.40s', async (line) => {
    const replies = await call(line, () => { throw new Error('asked') })
    expect(replies).toMatchObject([{ error: { code: expect.stringMatching(/^ERR_(PROTOCOL|INTERNAL)$/) as string } }])
  })
})
