import { describe, expect, it } from 'vitest'
import { startOf } from '../../../src/cli/start-line.ts'

describe('how a node was started', () => {
  it('is kept as it can be given again, without what may be a secret', () => {
    const flags = { config: 'my.yaml', name: 'local1', insecure: true, databases: ['a=./a', 'b=./b'], 'alerts.webhook': 'https://example.net/secret', rack: undefined }
    const env = { REEDBASE_RACK: 'r1', REEDBASE_TRACES_ENDPOINT: 'https://example.net/token', REEDBASE_CONFIG: 'x.yaml', PGPASSWORD: 'secret' }
    const start = startOf(flags, { dataDir: '/nowhere', env, cwd: '/srv' })
    expect(start).toEqual({ args: ['--config=my.yaml', '--name=local1', '--insecure', '--db=a=./a', '--db=b=./b'], cwd: '/srv', env: { REEDBASE_RACK: 'r1', REEDBASE_CONFIG: 'x.yaml' }, withheld: expect.arrayContaining(['--alerts-webhook', 'REEDBASE_TRACES_ENDPOINT']) as string[], logFile: null })
    expect(JSON.stringify(start)).not.toMatch(/secret|token/)
  })
})
