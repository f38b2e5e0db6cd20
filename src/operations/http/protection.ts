/** Where HTTP may listen, and what it asks of those who come: read and checked once, before a port is opened. */
import { readFile, stat } from 'node:fs/promises'
import { BlockList, isIPv6 } from 'node:net'
import { MeshError } from '../../errors.ts'
import type { HttpOptions } from '../../node/options.ts'
import type { Log } from '../../ports/log.ts'

export const TOKEN_CHARACTERS_MIN = 16
const tokenCharactersMax = 4_096

export interface Protection {
  /** Null: none is asked for. */
  readonly token: string | null
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | null
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

export function isLoopback(address: string): boolean {
  return loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

/**
 * Warns where a secret is readable by others.
 * @throws MeshError ERR_HTTP_UNPROTECTED beyond loopback without all three files; ERR_OPTION_INVALID for one that cannot be used
 */
export async function loadProtection({ listen, tokenFile, tlsCert, tlsKey }: HttpOptions, log: Log): Promise<Protection> {
  if (typeof listen === 'object' && !isLoopback(listen.host)) {
    const missing = Object.entries({ 'http.tokenFile': tokenFile, 'http.tlsCert': tlsCert, 'http.tlsKey': tlsKey }).filter(([, path]) => path === null).map(([key]) => key)
    if (missing.length > 0) throw new MeshError('ERR_HTTP_UNPROTECTED', `HTTP is to listen on ${listen.host}, which others can reach, without ${missing.join(', ')}`, { details: { host: listen.host } })
  }
  if ((tlsCert === null) !== (tlsKey === null)) throw new MeshError('ERR_OPTION_INVALID', `http.${tlsCert === null ? 'tlsKey' : 'tlsCert'} is set without http.${tlsCert === null ? 'tlsCert' : 'tlsKey'}`)
  return {
    token: tokenFile === null ? null : await readToken(tokenFile, log),
    tls: tlsCert === null || tlsKey === null ? null : { cert: await readOf('http.tlsCert', tlsCert), key: await readSecret('http.tlsKey', tlsKey, log) },
  }
}

async function readToken(path: string, log: Log): Promise<string> {
  const token = (await readSecret('http.tokenFile', path, log)).toString('utf8').trim()
  // What a header can carry, and a person can copy.
  const problem = token.length < TOKEN_CHARACTERS_MIN ? `has ${token.length} characters; a token has at least ${TOKEN_CHARACTERS_MIN}`
    : token.length > tokenCharactersMax ? `has more than ${tokenCharactersMax} characters`
    : /^[\x21-\x7e]+$/.test(token) ? null : 'holds more than one line of letters, digits and punctuation'
  if (problem !== null) throw new MeshError('ERR_OPTION_INVALID', `the token file ${path} ${problem}`, { nextStep: 'Make one with: (umask 077; openssl rand -hex 32 > token).', details: { path } })
  return token
}

async function readSecret(option: string, path: string, log: Log): Promise<Buffer> {
  const content = await readOf(option, path)
  const { mode } = await stat(path)
  // 0640 is how a service manager hands secrets to a group.
  if ((mode & 0o037) !== 0) log.warn({ path, mode: (mode & 0o777).toString(8) }, `${option}: others may read or change ${path}; chmod 600 keeps it to its owner`)
  return content
}

async function readOf(option: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new MeshError('ERR_OPTION_INVALID', `the file of ${option} cannot be read: ${(error as Error).message}`, { nextStep: 'Check the path and its permissions.', details: { path }, cause: error })
  }
}
