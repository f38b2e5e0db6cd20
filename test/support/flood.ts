/**
 * A stranger's flood, as a process of its own: `node flood.ts <options as JSON>`. It knows what can be seen on the wire (tags, epochs, the name
 * of the encrypter) and no key. Prints what it has sent, once a second, as JSON lines.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'

export interface FloodOptions {
  readonly host: string
  readonly port: number
  readonly datagramsPerSecond: number
  readonly connectionsPerSecond: number
  /** Headers, without seal, of datagrams that a member may have sent; in hexadecimal. */
  readonly headers: readonly string[]
  /** Name of the encrypter that the nodes take. */
  readonly encrypter: string
  readonly seconds: number
}

export interface FloodReport {
  readonly datagrams: number
  readonly connections: number
  readonly refused: number
  readonly openNow: number
}

const tickMs = 5
const halfOpenMs = 3_000
const line = (text: string): Buffer => Buffer.concat([Buffer.from([text.length + 1]), Buffer.from(`${text}\n`)])

function junkDatagrams(headers: readonly string[]): Buffer[] {
  const junk: Buffer[] = []
  for (let index = 0; index < 256; index++) {
    const header = Buffer.from(headers[index % Math.max(1, headers.length)] ?? '', 'hex')
    const body = randomBytes(randomInt(20, 400))
    switch (index % 8) {
      case 0: junk.push(Buffer.concat([Buffer.from([1]), body])); break
      case 1: junk.push(body.subarray(0, 10)); break
      case 2:
      case 3: junk.push(Buffer.concat([header, body])); break
      default: junk.push(randomBytes(randomInt(50, 1_500)))
    }
  }
  return junk
}

/** Four ways to knock: noise, silence, another key, and the first message of a handshake with the name of the right one. */
function greetings(encrypter: string): Buffer[] {
  const first = Buffer.concat([Buffer.from([0, 32]), randomBytes(32)])
  return [
    randomBytes(300),
    Buffer.alloc(0),
    Buffer.concat([line('/multistream/1.0.0'), line('/noise/reedbase-00000000'), line('/reedbase/stranger/1.0'), Buffer.from('1 reedbase 00000000\n')]),
    Buffer.concat([line('/multistream/1.0.0'), line(encrypter), first]),
  ]
}

function flood({ host, port, datagramsPerSecond, connectionsPerSecond, headers, encrypter, seconds }: FloodOptions): void {
  const startMs = performance.now()
  const socket = createSocket('udp4')
  const junk = junkDatagrams(headers)
  const hellos = greetings(encrypter)
  const open = new Set<Socket>()
  const counts = { datagrams: 0, connections: 0, refused: 0 }
  const knock = (): void => {
    const client = connect(port, host)
    open.add(client)
    const hello = hellos[counts.connections++ % hellos.length] as Buffer
    client.on('error', () => { counts.refused++ })
    client.on('close', () => open.delete(client))
    client.resume()
    if (hello.length > 0) client.write(hello)
    setTimeout(() => { client.destroy() }, halfOpenMs)
  }
  socket.on('error', () => undefined)
  socket.bind(0, () => {
    const timer = setInterval(() => {
      const elapsedMs = performance.now() - startMs
      const end = elapsedMs >= seconds * 1_000
      const due = Math.min(seconds * 1_000, elapsedMs) / 1_000
      while (counts.datagrams < due * datagramsPerSecond && performance.now() - startMs < elapsedMs + 50) {
        for (let burst = 0; burst < 32; burst++) socket.send(junk[counts.datagrams++ % junk.length] as Buffer, port, host)
      }
      while (counts.connections < due * connectionsPerSecond) knock()
      if (!end) return
      clearInterval(timer)
      clearInterval(reporter)
      process.stdout.write(`${JSON.stringify({ ...counts, openNow: open.size } satisfies FloodReport)}\n`, () => { process.exit(0) })
    }, tickMs)
    const reporter = setInterval(() => { process.stdout.write(`${JSON.stringify({ ...counts, openNow: open.size } satisfies FloodReport)}\n`) }, 1_000)
  })
}

const [, script, options] = process.argv
if (script !== undefined && import.meta.filename === script && options !== undefined) flood(JSON.parse(options) as FloodOptions)
