import { expect, describe, it } from 'vitest'
import { INTERFACES_MAX, readHostTraffic } from '../../../../src/adapters/system/host-traffic.ts'
import { fixtureFolder } from './fixture-folder.ts'

const diskstats = [
  ' 253       0 vda 100 1 2000 10 50 2 4000 20 0 30 30 0 0 0 0',
  ' 253       1 vda1 90 1 1900 10 50 2 3900 20 0 30 30 0 0 0 0',
  ' 259       0 nvme0n1 1 0 8 0 1 0 16 0 0 0 0',
  ' 252       0 dm-0 5 0 500 0 5 0 500 0 0 0 0',
  '   7       0 loop0 5 0 500 0 5 0 500 0 0 0 0',
].join('\n')
const network = [
  'Inter-|   Receive                                                |  Transmit',
  ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
  '    lo: 999 9 0 0 0 0 0 0 999 9 0 0 0 0 0 0',
  '  eth0:1000 10 3 0 0 0 0 0 2000 20 4 0 0 0 0 0',
  ' wlan0: 5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0',
].join('\n')
const blocks = { 'block/vda/size': '', 'block/nvme0n1/size': '', 'block/dm-0/size': '', 'block/loop0/size': '' }

describe('the traffic of a host', () => {
  it('is that of its whole disks, in bytes, and of its interfaces but loopback', async () => {
    const root = fixtureFolder({ diskstats, 'net/dev': network, ...blocks })
    expect(await readHostTraffic(root, { procRoot: root, sysRoot: root })).toMatchObject({
      disk: { readBytes: 2008 * 512, writtenBytes: 4016 * 512 },
      interfaces: [{ name: 'eth0', receivedBytes: 1000, sentBytes: 2000, errors: 7 }, { name: 'wlan0', receivedBytes: 5, sentBytes: 6, errors: 0 }],
    })
  })

  it('names no more interfaces than the bound', async () => {
    const many = Array.from({ length: 40 }, (_, index) => `  veth${index}: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0`).join('\n')
    const root = fixtureFolder({ diskstats, 'net/dev': many, ...blocks })
    expect((await readHostTraffic(root, { procRoot: root, sysRoot: root })).interfaces).toHaveLength(INTERFACES_MAX)
  })

  it('comes with the room on the disk of the folder', async () => {
    const root = fixtureFolder({ diskstats, 'net/dev': network, ...blocks })
    const { folder } = await readHostTraffic(root, { procRoot: root, sysRoot: root })
    expect(folder?.sizeBytes).toBeGreaterThan(folder?.availableBytes ?? Infinity)
    expect(folder?.availableBytes).toBeGreaterThan(0)
  })
})
