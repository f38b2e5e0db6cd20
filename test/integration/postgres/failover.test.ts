/** A primary and its streaming replica, each with a node beside it: what operators see of their lag, and of a failover. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type NodeProcess, TestMesh, until } from '../../support/processes.ts'
import type { NodeView } from '../../../src/wire/control.ts'
import { postgresBin, TestServer } from './server.ts'

describe.skipIf(postgresBin === null)('PostgreSQL that fails over', () => {
  let primary: TestServer
  let replica: TestServer
  let mesh: TestMesh
  let nodes: readonly [NodeProcess, NodeProcess, NodeProcess]
  const start = async (name: string, server: TestServer | null, seeds: readonly string[]): Promise<NodeProcess> =>
    await mesh.start(name, { seeds, databaseArgs: server === null ? [] : ['--db', `users=postgres://mesh@127.0.0.1:${server.port}/users`] })
  const seen = async (by: NodeProcess, name: string): Promise<NodeView | undefined> => (await by.nodes('users')).nodes.find((node) => node.name === name)
  const warnings = async (): Promise<boolean[]> => await Promise.all(nodes.map(async (node) => (await node.log()).includes('second primary')))

  beforeAll(async () => {
    primary = await TestServer.create()
    await primary.sql('CREATE DATABASE users')
    replica = await TestServer.replicaOf(primary)
    mesh = await TestMesh.create()
    const pg1 = await start('pg1', primary, [])
    const seeds = (await pg1.ready()).tcpMultiaddrs.slice(0, 1)
    nodes = [pg1, await start('pg2', replica, seeds), await start('entry', null, seeds)]
    for (const node of nodes) await node.ready()
    await mesh.untilAllSee(nodes)
  }, 60_000)
  afterAll(async () => {
    await mesh.stop()
    await replica.remove()
    await primary.remove()
  })

  it('tells how far the replica is behind', async () => {
    const [, pg2, entry] = nodes
    await until('the lag to be told', async () => typeof (await seen(entry, 'pg2'))?.lagMs === 'number')
    expect((await seen(entry, 'pg1'))?.lagMs).toBeNull()
    expect((await entry.rdb(['db:nodes', 'users'])).stdout).toContain('│ Lag │')
    expect((await pg2.rdb(['status'])).stdout).toMatch(/users \(replica, postgres, \S+ behind\)/)
  })

  it('warns of two primaries when there are two, not while one of them is down', async () => {
    const [pg1] = nodes
    await primary.stop()
    for (const node of nodes) await until('the loss to be known', async () => (await seen(node, 'pg1'))?.status === 'unhealthy')
    await replica.promote()
    for (const node of nodes) await until('the promotion to be known', async () => (await seen(node, 'pg2'))?.role === 'primary')
    expect(await warnings()).toEqual([false, false, false])
    await primary.start()
    await until('the warning', async () => (await warnings())[0])
    expect(await pg1.log()).toContain('stop one of the two servers, or make it a replica of the other')
  }, 60_000)
})
