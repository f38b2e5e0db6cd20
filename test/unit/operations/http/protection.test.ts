import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseNodeOptions } from '../../../../src/node/options.ts'
import { isLoopback, loadProtection } from '../../../../src/operations/http/protection.ts'
import { createRecordingLog } from '../../../support/recording-log.ts'

let folder = ''
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'http-protection-')) })
afterAll(async () => { await rm(folder, { recursive: true }) })

const load = async (http: object, log = createRecordingLog()): Promise<Awaited<ReturnType<typeof loadProtection>>> => await loadProtection(parseNodeOptions({ http }, folder).http, log)
const secret = async (name: string, text: string, mode = 0o600): Promise<string> => {
  await writeFile(join(folder, name), text)
  await chmod(join(folder, name), mode)
  return name
}

describe('beyond loopback', () => {
  it.each([
    [{}, 'http.tokenFile, http.tlsCert, http.tlsKey'], [{ tokenFile: 'token' }, 'http.tlsCert, http.tlsKey'], [{ tlsCert: 'cert', tlsKey: 'key' }, 'http.tokenFile'],
  ])('%j is not enough', async (given, missing) => {
    for (const host of ['0.0.0.0', '192.168.1.5', '[::]']) {
      await expect(load({ listen: `${host}:7480`, ...given })).rejects.toMatchObject({ code: 'ERR_HTTP_UNPROTECTED', message: expect.stringContaining(`without ${missing}`) as string, nextStep: expect.stringContaining('http.tokenFile') as string })
    }
  })

  it('takes all three', async () => {
    const files = { tokenFile: await secret('t1', 'a-token-of-20-letters\n'), tlsCert: await secret('c1', 'CERT'), tlsKey: await secret('k1', 'KEY') }
    expect(await load({ listen: '0.0.0.0:7480', ...files })).toEqual({ token: 'a-token-of-20-letters', tls: { cert: Buffer.from('CERT'), key: Buffer.from('KEY') } })
  })
})

describe('on loopback', () => {
  it.each(['auto', 'off', '127.0.0.1:7480', '[::1]:0', '127.5.5.5:80'])('%s needs none', async (listen) => {
    expect(await load({ listen })).toEqual({ token: null, tls: null })
  })

  it('a certificate goes with its key', async () => {
    await expect(load({ tlsCert: await secret('c2', 'CERT') })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID', message: 'http.tlsCert is set without http.tlsKey' })
    await expect(load({ tlsKey: await secret('k2', 'KEY') })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID', message: 'http.tlsKey is set without http.tlsCert' })
  })
})

describe('a token file', () => {
  it.each([['', 'has 0 characters'], ['fifteen-letters\n', 'has 15 characters'], ['two lines of it\nand another one', 'more than one line'], ['ünïcödé-ünïcödé-ünïcödé', 'more than one line'], ['x'.repeat(4_097), 'more than 4096']])('with %j is refused', async (text, problem) => {
    await expect(load({ tokenFile: await secret('t2', text) })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining(problem) as string, nextStep: expect.stringContaining('openssl rand') as string })
  })

  it('that is not there is refused', async () => {
    await expect(load({ tokenFile: 'nowhere' })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining('http.tokenFile cannot be read') as string })
  })

  it.each([[0o600, 0], [0o400, 0], [0o640, 0], [0o644, 1], [0o660, 1], [0o604, 1]])('of mode %o: %i warnings', async (mode, count) => {
    const log = createRecordingLog()
    await load({ tokenFile: await secret('t3', 'sixteen-letters!', mode) }, log)
    expect(log.lines.filter((line) => line.startsWith('warn') && line.includes('chmod 600'))).toHaveLength(count)
  })
})

describe('loopback', () => {
  it.each([['127.0.0.1', true], ['127.255.255.254', true], ['::1', true], ['0.0.0.0', false], ['::', false], ['128.0.0.1', false], ['::ffff:10.0.0.1', false], ['fe80::1', false]])('%s: %s', (address, expected) => {
    expect(isLoopback(address)).toBe(expected)
  })
})
