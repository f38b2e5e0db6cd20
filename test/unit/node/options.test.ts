import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MeshError } from '../../../src/errors.ts'
import { loadNodeOptions, parseNodeOptions, type NodeOptions } from '../../../src/node/options.ts'

let folder = ''
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'reedbase-options-')) })
afterAll(() => { rmSync(folder, { recursive: true }) })

interface Sources {
  readonly flags?: Record<string, unknown>
  readonly env?: Record<string, string>
  readonly yaml?: string
}

function load({ flags = {}, env = {}, yaml }: Sources): NodeOptions {
  if (yaml === undefined) return loadNodeOptions({ flags, env, cwd: folder })
  writeFileSync(join(folder, 'reedbase.yaml'), yaml)
  return loadNodeOptions({ flags: { config: 'reedbase.yaml', ...flags }, env, cwd: folder })
}

function refusal(sources: Sources): string {
  try {
    load(sources)
  } catch (error) {
    if (error instanceof MeshError) return `${error.code}: ${error.message}`
    throw error
  }
  throw new Error('nothing was refused')
}

describe('sources', () => {
  it('starts from defaults', () => {
    const { listen, databases, pingIntervalMs, dataDir, membership, name } = load({})
    expect({ listen, databases, pingIntervalMs, dataDir }).toEqual({ listen: { host: '127.0.0.1', port: 7400 }, databases: [], pingIntervalMs: 30_000, dataDir: join(folder, '.reedbase') })
    expect(membership.probeIntervalMs).toBe(1_000)
    expect(name).not.toBe('')
  })

  it('takes flags before the environment before the file', () => {
    const yaml = 'name: file\nrack: file\ndatacenter: file\n'
    const { name, rack, datacenter } = load({ flags: { name: 'flag' }, env: { REEDBASE_NAME: 'env', REEDBASE_RACK: 'env' }, yaml })
    expect([name, rack, datacenter]).toEqual(['flag', 'env', 'file'])
  })

  it('replaces a list whole', () => {
    expect(load({ flags: { seeds: ['a:1'] }, yaml: 'seeds: [b:1, c:1]\n' }).seeds).toEqual(['a:1'])
  })

  it('reads lists from the environment, separated by semicolons', () => {
    const { seeds, databases } = load({ env: { REEDBASE_SEEDS: 'a:1; [::1]:2', REEDBASE_DATABASES: 'users=./u,role=primary;orders=./o' } })
    expect(seeds).toEqual(['a:1', '[::1]:2'])
    expect(databases.map(({ name, role }) => [name, role])).toEqual([['users', 'primary'], ['orders', 'replica']])
  })

  it('finds the file through the environment', () => {
    writeFileSync(join(folder, 'other.yaml'), 'name: other\n')
    expect(load({ env: { REEDBASE_CONFIG: 'other.yaml' } }).name).toBe('other')
  })

  it('resolves paths in a file against its folder', () => {
    writeFileSync(join(folder, 'reedbase.yaml'), 'databases: { users: ./u }\ndataDir: state\n')
    const { databases, dataDir } = loadNodeOptions({ flags: { config: join(folder, 'reedbase.yaml') }, env: {}, cwd: '/' })
    expect([databases[0]?.path, dataDir]).toEqual([join(folder, 'u'), join(folder, 'state')])
  })

  it('freezes what it returns, all the way down', () => {
    const options = load({ flags: { databases: ['users=./u'] } })
    expect([options, options.databases, options.databases[0], options.listen, options.membership].every((part) => Object.isFrozen(part))).toBe(true)
  })

  it('serves programs with an object of the same shape', () => {
    const options = parseNodeOptions({ name: 'a', databases: { users: { path: './u', threads: 2 } }, membership: { preset: 'local' } }, folder)
    expect(options.databases).toEqual([{ name: 'users', path: join(folder, 'u'), role: 'replica', threads: 2, memoryBytes: null, strategy: null, thresholds: {} }])
    expect(options.membershipPreset).toBe('local')
    expect(() => parseNodeOptions({ nam: 'a' }, folder)).toThrow('the option nam is not an option; did you mean name?')
  })
})

describe('databases', () => {
  it('are written on one line', () => {
    expect(load({ flags: { databases: ['users_prod=./data/users,role=primary,threads=2,memory=1.5GB'] } }).databases).toEqual([
      { name: 'users_prod', path: join(folder, 'data/users'), role: 'primary', threads: 2, memoryBytes: 1_500_000_000, strategy: null, thresholds: {} },
    ])
  })

  it('may have thresholds of their own, for which the node\'s stand in', () => {
    const thresholds = { cpuPercent: 50, memoryPercent: 60, leaveMarginPercent: 10, dwellMs: 2_000 }
    expect(load({ flags: { databases: ['users=./u,cpuThreshold=50%,memoryThreshold=60,overloadLeaveMargin=10,overloadDwell=2s'] } }).databases[0]?.thresholds).toEqual(thresholds)
    expect(load({ yaml: 'databases:\n  users: { path: ./u, cpuThreshold: 50, overloadDwell: 0ms }\n  others: ./o\n' }).databases.map((database) => database.thresholds)).toEqual([{ cpuPercent: 50, dwellMs: 0 }, {}])
  })

  it('are a mapping in the file', () => {
    expect(load({ yaml: 'databases:\n  a: ./a\n  b: { path: ./b, role: primary, memory: 512MiB }\n' }).databases.map(({ name, role, memoryBytes }) => [name, role, memoryBytes])).toEqual([
      ['a', 'replica', null], ['b', 'primary', 512 * 2 ** 20],
    ])
  })

  it.each([
    [{ flags: { databases: ['users'] } }, 'ERR_OPTION_INVALID: --db for users: path is ""; it takes the path of a .duckdb file or of a folder'],
    [{ flags: { databases: ['users=./u,role=main'] } }, 'ERR_OPTION_INVALID: --db for users: role is "main"; it takes a role: primary or replica'],
    [{ flags: { databases: ['users=./u,thread=2'] } }, 'ERR_OPTION_UNKNOWN: "thread=2" in the database "users=./u,thread=2" is no setting; did you mean threads?'],
    [{ flags: { databases: ['users=./u,threads=0'] } }, 'ERR_OPTION_INVALID: --db for users: threads is "0"; it takes a whole number from 1 to 256'],
    [{ flags: { databases: ['users=./u,memory=1'] } }, 'ERR_OPTION_INVALID: --db for users: memory is "1"; it takes a size with its unit (KB, MB, GB, TB) from 16MB to 16TB'],
    [{ flags: { databases: ['users=./u,cpuThreshold=101'] } }, 'ERR_OPTION_INVALID: --db for users: cpuThreshold is "101"; it takes a percentage from 1 to 100'],
    [{ flags: { databases: ['users=POSTGRES://app:p,s3cret@h/d'] } }, 'ERR_OPTION_UNKNOWN: a part in the database "users=POSTGRES://app:…@h/d" is no setting'],
    [{ flags: { databases: ['postgres://app:s3cret@h/d'] } }, 'ERR_OPTION_INVALID: --db is "postgres://app:…@h/d"; it takes a database name: a letter or underscore, then up to 62 letters, digits, underscores and hyphens. --db for postgres://app:…@h/d: path is ""; it takes the path of a .duckdb file or of a folder'],
    [{ flags: { databases: ['users=mysql://app:s3cret@h/d'] } }, 'ERR_OPTION_INVALID: the URL of the database users is not one that begins with postgres://'],
    [{ flags: { databases: ['users=./u,cpuTreshold=10'] } }, 'ERR_OPTION_UNKNOWN: "cpuTreshold=10" in the database "users=./u,cpuTreshold=10" is no setting; did you mean cpuThreshold?'],
    [{ flags: { databases: ['users=./u,cpuThreshold=5'] } }, 'ERR_OPTION_INVALID: --db gives users an overloadLeaveMargin (5) that is not below its lower threshold (5); what it does not set is the node\'s'],
    [{ yaml: 'databases:\n  users: { path: ./u, overloadDwell: 5 }\n' }, 'ERR_OPTION_INVALID: reedbase.yaml:1 databases for users: overloadDwell is 5; it takes a duration with its unit (ms, s, m, h) from 0ms to 10m'],
    [{ flags: { databases: ['a=./u', 'a=./v'] } }, 'ERR_OPTION_INVALID: --db names the database a twice'],
    [{ yaml: 'databases:\n  users:\n    path: ./u\n    rol: primary\n' }, 'ERR_OPTION_UNKNOWN: reedbase.yaml:4 databases.users.rol is not a setting of a database; did you mean role?'],
    [{ yaml: 'databases:\n  users: { path: ./u, rol: primary }\n  others: { path: ./o, thread: 2 }\nnme: a\n' }, 'ERR_OPTION_UNKNOWN: reedbase.yaml:2 databases.users.rol is not a setting of a database; did you mean role?; reedbase.yaml:3 databases.others.thread is not a setting of a database; did you mean threads?; reedbase.yaml:4 nme is not an option; did you mean name?'],
    [{ flags: { databases: ['users=postgres://mesh@localhost/users,role=replica,threads=2,memory=1GB'] } }, 'ERR_OPTION_INVALID: --db for users: role is "replica"; it takes no role for a PostgreSQL database, since its server has its own. --db for users: threads is "2"; it takes no threads for a PostgreSQL database, since its server has its own. --db for users: memory is "1GB"; it takes no memory for a PostgreSQL database, since its server has its own'],
    [{ yaml: 'databases: [users]\n' }, 'ERR_OPTION_INVALID: reedbase.yaml:1 databases must be a mapping of database names to paths or settings'],
    [{ yaml: 'databases:\n  users: {}\n' }, 'ERR_OPTION_INVALID: reedbase.yaml:1 databases for users: path is incomplete; it takes the path of a .duckdb file or of a folder'],
  ])('refuses %j', (sources, message) => {
    expect(refusal(sources)).toBe(message)
  })
})

describe('membership', () => {
  it('is a preset with overrides', () => {
    const { membership } = load({ flags: { 'membership.preset': 'wan' }, yaml: 'membership:\n  probeInterval: 8s\n  gossipFanout: 5\n' })
    expect([membership.probeIntervalMs, membership.gossipFanout, membership.ackTimeoutMs]).toEqual([8_000, 5, 3_000])
  })

  it.each([
    [{ flags: { 'membership.probeInterval': '1ms' } }, 'ERR_OPTION_INVALID: --membership-probe-interval is "1ms"; it takes a duration with its unit (ms, s, m, h) from 50ms to 10m'],
    [{ yaml: 'membership: { fanout: 3 }\n' }, 'ERR_OPTION_UNKNOWN: reedbase.yaml:1 membership.fanout is not an option'],
    [{ yaml: 'membership: wan\n' }, 'ERR_OPTION_INVALID: reedbase.yaml:1 membership must be a mapping, such as membership: { preset: wan }'],
    [{ flags: { 'membership.probeInterval': '400ms' } }, 'ERR_OPTION_INVALID: membership.ackTimeout of the preset lan (500ms) must be below --membership-probe-interval (400ms)'],
    [{ env: { REEDBASE_MEMBERSHIP_ACK_TIMEOUT: '6s' }, yaml: 'membership:\n  preset: wan\n  probeInterval: 6s\n' }, 'ERR_OPTION_INVALID: REEDBASE_MEMBERSHIP_ACK_TIMEOUT (6000ms) must be below reedbase.yaml:3 membership.probeInterval (6000ms)'],
    [{ flags: { 'membership.ackTimeoutFloor': '300ms', 'membership.ackTimeout': '200ms' } }, 'ERR_OPTION_INVALID: --membership-ack-timeout-floor (300ms) must not exceed --membership-ack-timeout (200ms)'],
  ])('refuses %j', (sources, message) => {
    expect(refusal(sources)).toContain(message)
  })
})

describe('refusals', () => {
  it.each([
    [{ flags: { listen: 'localhost:7400' } }, 'ERR_OPTION_INVALID: --listen is "localhost:7400"; it takes an IP address of this host and a port, such as 127.0.0.1:7400 or [::1]:7400'],
    [{ flags: { listen: '127.0.0.1:65536' } }, 'ERR_OPTION_INVALID: --listen is "127.0.0.1:65536"; it takes an IP address of this host and a port, such as 127.0.0.1:7400 or [::1]:7400'],
    [{ flags: { seeds: ['a:1', 'b'] } }, 'ERR_OPTION_INVALID: --seed is "b"; it takes host:port, dns:host:port or a multiaddr, such as 10.0.0.1:7400, dns:mesh.local:7400 or /ip4/10.0.0.1/tcp/7400'],
    [{ env: { REEDBASE_PING_INTERVAL: '30' } }, 'ERR_OPTION_INVALID: REEDBASE_PING_INTERVAL is "30"; it takes a duration with its unit (ms, s, m, h) from 100ms to 1h'],
    [{ env: { REEDBASE_PING_INTERVALL: '30s' } }, 'ERR_OPTION_UNKNOWN: the environment variable REEDBASE_PING_INTERVALL is not an option; did you mean REEDBASE_PING_INTERVAL?'],
    [{ yaml: 'name: a\nlsten: 127.0.0.1:1\n' }, 'ERR_OPTION_UNKNOWN: reedbase.yaml:2 lsten is not an option; did you mean listen?'],
    [{ yaml: 'name: a\ncpuThreshold: 101\n' }, 'ERR_OPTION_INVALID: reedbase.yaml:2 cpuThreshold is 101; it takes a percentage from 1 to 100'],
    [{ yaml: 'name:\n' }, 'ERR_OPTION_INVALID: reedbase.yaml:1 name has no value'],
    [{ yaml: '- name\n' }, 'ERR_CONFIG_FILE: reedbase.yaml: the file must be a mapping of option names to values'],
    [{ yaml: 'name: a\nname: b\n' }, 'ERR_CONFIG_FILE: reedbase.yaml:2:1: Map keys must be unique'],
    [{ yaml: 'name: "a\n' }, 'ERR_CONFIG_FILE: reedbase.yaml:2:1: Missing closing "quote'],
    [{ flags: { config: 'missing.yaml' } }, 'ERR_CONFIG_FILE: the configuration file missing.yaml does not exist'],
    [{ flags: { failoverMax: '1.5' } }, 'ERR_OPTION_INVALID: --failover-max is "1.5"; it takes a whole number from 0 to 16'],
    [{ flags: { logLevel: 'trace' } }, 'ERR_OPTION_INVALID: --log-level is "trace"; it takes debug, info, warn or error'],
    [{ flags: { name: 'a b' } }, 'ERR_OPTION_INVALID: --name is "a b"; it takes up to 63 letters, digits, dots, hyphens and underscores, a letter or digit first'],
    [{ flags: { capacity: '0', rack: '' } }, '--capacity is "0"; it takes a number from 0.01 to 1000'],
    [{ flags: { pingInterval: '5s' } }, 'ERR_OPTION_INVALID: the default of pingTimeout (5000ms) must be below --ping-interval (5000ms)'],
    [{ flags: { cpuThreshold: '5' } }, 'ERR_OPTION_INVALID: the default of overloadLeaveMargin (5) must be below --cpu-threshold (5)'],
  ])('refuses %j', (sources, message) => {
    expect(refusal(sources)).toContain(message)
  })

  it('names everything that is wrong at once', () => {
    expect(refusal({ flags: { capacity: '0', logLevel: 'x' } })).toMatch(/--capacity.*\. --log-level/)
  })

  it.each(['1', '0', 'true', 'false'])('reads a switch from the environment: %s', (text) => {
    expect(load({ env: { REEDBASE_INSECURE: text } }).insecure).toBe(text === '1' || text === 'true')
  })
})
