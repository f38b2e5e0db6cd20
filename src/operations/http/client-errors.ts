/** What the parser of HTTP refuses before there is a request to answer, as the same problems as everything else. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { MeshError } from '../../errors.ts'
import { type Problem, problemHeaders, problemOf } from './problem.ts'

/** Null: nobody is there to be told, or it was no HTTP. */
export function clientProblem({ code = '', message }: NodeJS.ErrnoException): Problem | null {
  // Node's own, and none of our table.
  if (/^ERR_HTTP_REQUEST_TIMEOUT$/.test(code)) return { ...problemOf(new MeshError('ERR_REQUEST_INVALID', 'the request did not arrive in time')), status: 408 }
  if (code === 'HPE_HEADER_OVERFLOW') return { ...problemOf(new MeshError('ERR_REQUEST_TOO_LARGE', 'the headers of the request are longer than 16 KiB', { nextStep: 'Shorten the URL or the headers.' })), status: 431 }
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return problemOf(new MeshError('ERR_REQUEST_TOO_LARGE', 'the chunks of the body have too long extensions', { nextStep: 'Leave them out.' }))
  return code.startsWith('HPE_') ? problemOf(new MeshError('ERR_REQUEST_INVALID', `the request is not HTTP: ${message}`)) : null
}

export function writeProblem(socket: Pick<Socket, 'write' | 'destroySoon'>, problem: Problem, headers: Readonly<Record<string, string>>): void {
  const body = JSON.stringify(problem)
  const fields = { ...headers, ...problemHeaders(problem), 'content-length': String(Buffer.byteLength(body)), 'connection': 'close' }
  socket.write(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`)
  // Once it is sent: the client may never close its side.
  socket.destroySoon()
}
