import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readCgroup, type CgroupReading } from '../../../../src/adapters/system/cgroup.ts'
import { fixtureFolder } from './fixture-folder.ts'

/** Reads a made-up system; paths in the result are relative to the cgroup mount. */
function read(membership: string, files: Readonly<Record<string, string>>): CgroupReading {
  const root = fixtureFolder({ 'proc/self/cgroup': membership, ...Object.fromEntries(Object.entries(files).map(([path, text]) => [`cgroup/${path}`, text])) })
  const { cpu, memory } = readCgroup({ procRoot: join(root, 'proc'), cgroupRoot: join(root, 'cgroup') })
  const relative = <T extends { readonly path: string }>(entry: T): T => ({ ...entry, path: entry.path.slice(join(root, 'cgroup').length) || '/' })
  return { cpu: cpu.map(relative), memory: memory.map(relative) }
}

const v2 = { 'cgroup.controllers': 'cpu memory\n' }

describe('version 2', () => {
  it('reads quota and limit of a container that sees its own group as the root', () => {
    const reading = read('0::/\n', {
      ...v2,
      'cpu.max': '150000 100000\n', 'cpu.stat': 'usage_usec 1234567\nuser_usec 1000000\n',
      'memory.max': '536870912\n', 'memory.current': '300000000\n', 'memory.stat': 'anon 100\ninactive_file 50000000\nactive_file 7\n',
    })
    expect(reading.cpu).toEqual([{ path: '/', cores: 1.5, usedUs: 1_234_567 }])
    expect(reading.memory).toEqual([{ path: '/', limitBytes: 536_870_912, usedBytes: 250_000_000 }])
  })

  it('takes every level that limits, and passes over those that do not', () => {
    const reading = read('0::/pods/pod1/node\n', {
      ...v2,
      'pods/cpu.max': 'max 100000\n', 'pods/cpu.stat': 'usage_usec 9\n', 'pods/memory.max': 'max\n', 'pods/memory.current': '9\n',
      'pods/pod1/cpu.max': '200000 100000\n', 'pods/pod1/cpu.stat': 'usage_usec 500\n', 'pods/pod1/memory.max': '2000\n', 'pods/pod1/memory.current': '900\n', 'pods/pod1/memory.stat': 'inactive_file 100\n',
      'pods/pod1/node/cpu.max': '50000 100000\n', 'pods/pod1/node/cpu.stat': 'usage_usec 300\n', 'pods/pod1/node/memory.max': '1000\n', 'pods/pod1/node/memory.current': '700\n', 'pods/pod1/node/memory.stat': 'anon 5\n',
    })
    expect(reading.cpu).toEqual([{ path: '/pods/pod1/node', cores: 0.5, usedUs: 300 }, { path: '/pods/pod1', cores: 2, usedUs: 500 }])
    expect(reading.memory).toEqual([{ path: '/pods/pod1/node', limitBytes: 1000, usedBytes: 700 }, { path: '/pods/pod1', limitBytes: 2000, usedBytes: 800 }])
  })

  it('falls back to the root where the named group is not visible', () => {
    const reading = read('0::/docker/0123\n', { ...v2, 'cpu.max': '100000 100000\n', 'cpu.stat': 'usage_usec 4\n' })
    expect(reading).toEqual({ cpu: [{ path: '/', cores: 1, usedUs: 4 }], memory: [] })
  })

  it('stays within the mount where the group lies above the namespace', () => {
    const reading = read('0::/../../other\n', { ...v2, 'cpu.max': '100000 100000\n', 'cpu.stat': 'usage_usec 4\n' })
    expect(reading.cpu).toEqual([{ path: '/', cores: 1, usedUs: 4 }])
  })

  it('finds nothing where nothing is limited', () => {
    expect(read('0::/user.slice\n', { ...v2, 'user.slice/memory.max': 'max\n', 'user.slice/memory.current': '5\n' })).toEqual({ cpu: [], memory: [] })
  })
})

describe('version 1', () => {
  const membership = '9:name=systemd:/\n4:memory:/box\n2:cpu,cpuacct:/box\n0::/\n'

  it('reads quota and limit, use in nanoseconds', () => {
    const reading = read(membership, {
      'cpu/box/cpu.cfs_quota_us': '200000\n', 'cpu/box/cpu.cfs_period_us': '100000\n', 'cpu/box/cpuacct.usage': '7000000\n',
      'memory/box/memory.limit_in_bytes': '1000\n', 'memory/box/memory.usage_in_bytes': '600\n', 'memory/box/memory.stat': 'inactive_file 1\ntotal_inactive_file 150\n',
    })
    expect(reading.cpu).toEqual([{ path: '/cpu/box', cores: 2, usedUs: 7000 }])
    expect(reading.memory).toEqual([{ path: '/memory/box', limitBytes: 1000, usedBytes: 450 }])
  })

  it('finds the accounting controller where it is mounted beside the other', () => {
    const reading = read('2:cpuacct:/box\n1:cpu:/box\n', {
      'cpu/box/cpu.cfs_quota_us': '100000\n', 'cpu/box/cpu.cfs_period_us': '100000\n', 'cpuacct/box/cpuacct.usage': '3000\n',
    })
    expect(reading.cpu).toEqual([{ path: '/cpu/box', cores: 1, usedUs: 3 }])
  })

  it('knows how it writes that there is no limit', () => {
    expect(read(membership, {
      'cpu/box/cpu.cfs_quota_us': '-1\n', 'cpu/box/cpu.cfs_period_us': '100000\n', 'cpu/box/cpuacct.usage': '7\n',
      'memory/box/memory.limit_in_bytes': '9223372036854771712\n', 'memory/box/memory.usage_in_bytes': '600\n',
    })).toEqual({ cpu: [], memory: [] })
  })
})

it('finds nothing on a system without control groups', () => {
  const root = fixtureFolder({ 'proc/version': '' })
  expect(readCgroup({ procRoot: join(root, 'proc'), cgroupRoot: join(root, 'cgroup') })).toEqual({ cpu: [], memory: [] })
})

it('reports a file that it cannot make sense of, by name', () => {
  expect(() => read('0::/\n', { ...v2, 'memory.max': 'plenty\n', 'memory.current': '1\n' })).toThrow(/memory\.max holds no number/)
})
