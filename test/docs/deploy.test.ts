/** Holds docs/deploy to the options and paths that there are. */
import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments, parse } from 'yaml'
import { ALERT_RULE_NAMES, ALERT_RULES, type AlertRuleName } from '../../src/core/alerts/rules.ts'
import { readDuration } from '../../src/core/options/quantity.ts'
import { loadNodeOptions, OPTION_TABLE, parseNodeOptions } from '../../src/node/options.ts'
import { startRdb, until } from '../support/processes.ts'

const folderOfDeploy = fileURLToPath(new URL('../../docs/deploy/', import.meta.url))
const textOf = (name: string): Promise<string> => readFile(`${folderOfDeploy}${name}`, 'utf8')

/** As `rdb start` reads them. */
function optionsOf(args: readonly string[]) {
  const flags: Record<string, unknown> = {}
  for (const arg of args) {
    const [, flag = '', value = ''] = /^(--[a-z-]+)=(.*)$/.exec(arg) ?? []
    const option = OPTION_TABLE.find((candidate) => candidate.flag === flag)
    if (option === undefined) throw new Error(`${arg} is no option`)
    flags[option.key] = option.isList ? [...(flags[option.key] as string[] | undefined) ?? [], value] : value
  }
  return loadNodeOptions({ flags, env: {}, cwd: '/' })
}

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly clusterIP?: string
    readonly publishNotReadyAddresses?: boolean
    readonly ports?: ReadonlyArray<{ readonly port: number; readonly protocol: string }>
    readonly serviceName?: string
    readonly template?: { readonly spec: { readonly terminationGracePeriodSeconds: number; readonly containers: readonly Container[] } }
  }
}

interface Container {
  readonly args: readonly string[]
  readonly env: ReadonlyArray<{ readonly name: string }>
  readonly ports: ReadonlyArray<{ readonly containerPort: number; readonly protocol: string }>
  readonly [probe: `${string}Probe`]: { readonly httpGet: { readonly path: string; readonly scheme: string } }
}

describe('docs/deploy', () => {
  it('the README names every file, and no other', async () => {
    const named = [...(await textOf('README.md')).matchAll(/\]\(([a-zA-Z.-]+)\)/g)].map(([, name]) => name)
    expect(named.toSorted()).toEqual((await readdir(folderOfDeploy)).filter((name) => name !== 'README.md').toSorted())
  })

  it('the configuration of the unit is one', async () => {
    const options = parseNodeOptions(parse(await textOf('reedbase.yaml')) as object, '/')
    expect([options.listen, options.databases]).toEqual([{ host: '0.0.0.0', port: 7400 }, []])
    // The database of its comment, too.
    const text = (await textOf('reedbase.yaml')).replaceAll(/^# (?=databases:| {2})/gm, '')
    expect(parseNodeOptions(parse(text) as object, '/').databases).toMatchObject([{ name: 'users_prod', path: '/srv/users.duckdb', role: 'replica' }])
  })

  it('the unit starts a node with options that there are, and gives it longer to stop than it drains', async () => {
    const unit = await textOf('reedbase-mesh.service')
    const [, start = ''] = /^ExecStart=\S+ start (.*)$/m.exec(unit) ?? []
    const flags = [...start.matchAll(/(--[a-z-]+) (\S+)/g)].map(([, flag, value]) => `${flag ?? ''}=${value ?? ''}`)
    const options = optionsOf(flags)
    // Where reedbase.yaml is read without being named.
    expect(await textOf('README.md')).toContain(`docs/deploy/reedbase.yaml ${options.dataDir}/reedbase.yaml`)
    expect(options).toMatchObject({ dataDir: '/var/lib/reedbase-mesh', logFormat: 'json' })
    expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]) * 1_000).toBeGreaterThan(options.drainMs)
  })

  it('systemd finds nothing wrong with the unit but the missing program', async () => {
    const available = await promisify(execFile)('systemd-analyze', ['--version']).then(() => true, () => false)
    if (!available) {
      process.stderr.write('SKIPPED: systemd-analyze is not installed, so the unit was not verified\n')
      return
    }
    const { stderr } = await promisify(execFile)('systemd-analyze', ['verify', `${folderOfDeploy}reedbase-mesh.service`]).catch((error: unknown) => error as { readonly stderr: string })
    expect(stderr.split('\n').filter((line) => line.includes('reedbase') && !/Command .* is not executable|No such file/.test(line))).toEqual([])
  })

  it('the pods find each other by the headless service, and are asked what they answer', async () => {
    const manifests = parseAllDocuments(await textOf('kubernetes.yaml')).map((document) => document.toJS() as Manifest)
    const set = manifests.find(({ kind }) => kind === 'StatefulSet')
    const pod = set?.spec.template?.spec
    const [node] = pod?.containers ?? []
    const env = node?.env.map(({ name }) => name) ?? []
    // As Kubernetes fills them in.
    const args = (node?.args ?? []).map((arg) => arg.replaceAll(/\$\((\w+)\)/g, (_, name: string) => {
      expect(env).toContain(name)
      return '10.1.2.3'
    }))
    expect(args[0]).toBe('start')
    const options = optionsOf(args.slice(1))
    const headless = manifests.find(({ kind, metadata }) => kind === 'Service' && metadata.name === set?.spec.serviceName)
    expect(headless?.spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true })
    expect(options.seeds).toEqual([`dns:${headless?.metadata.name}:${options.listen.port}`])
    expect(headless?.spec.ports?.map(({ port, protocol }) => `${port}/${protocol}`).toSorted()).toEqual([`${options.listen.port}/TCP`, `${options.listen.port}/UDP`])
    expect(node?.ports.map(({ containerPort }) => containerPort).toSorted()).toEqual([7400, 7400, 7480])
    expect(options.http).toMatchObject({ listen: { host: '0.0.0.0', port: 7480 }, tokenFile: '/run/reedbase/token' })
    expect((pod?.terminationGracePeriodSeconds ?? 0) * 1_000).toBeGreaterThan(options.drainMs)
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) expect(node?.[probe]?.httpGet).toMatchObject({ path: expect.stringMatching(/^\/health\/(live|ready)$/), scheme: 'HTTPS' })
  })

  it('the image starts a node by variables that there are', async () => {
    const text = await textOf('Containerfile')
    const variables = [...text.matchAll(/(REEDBASE_\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value] as const)
    expect(loadNodeOptions({ flags: {}, env: Object.fromEntries(variables), cwd: '/' })).toMatchObject({ dataDir: '/var/lib/reedbase-mesh', logFormat: 'json', listen: { host: '0.0.0.0' } })
  })
})

describe('the rules for Prometheus', () => {
  interface Rules { readonly groups: ReadonlyArray<{ readonly rules: ReadonlyArray<{ readonly alert: string; readonly expr: string; readonly for?: string; readonly labels: { readonly severity: string; readonly rule?: AlertRuleName } }> }> }

  it('are those of the node, with the same thresholds, times and severities', async () => {
    const rules = (parse(await textOf('prometheus-rules.yml')) as Rules).groups.flatMap(({ rules: of }) => of)
    expect(rules.flatMap(({ labels: { rule } }) => rule ?? []).toSorted()).toEqual([...ALERT_RULE_NAMES].toSorted())
    for (const { expr, labels: { rule, severity }, for: duration } of rules) {
      if (rule === undefined) continue
      const { above, forMs, severity: own, unit } = ALERT_RULES[rule]
      expect([rule, severity]).toEqual([rule, own])
      // Of the clock, the node itself says when.
      if (unit === 'state' || rule === 'clock') continue
      expect([rule, readDuration(duration)]).toEqual([rule, forMs])
      expect([rule, Number(/> ([\d.]+)$/.exec(expr)?.[1])]).toEqual([rule, unit === 'percent' ? above / 100 : above / 1_000])
    }
  })

  it('judge metrics that there are', async () => {
    const known = await textOf('../METRICS.md')
    const used = [...(await textOf('prometheus-rules.yml')).matchAll(/\breedbase_[a-z0-9_]+\b/g)].map(([name]) => name.replace(/_bucket$/, ''))
    expect(used.filter((name) => !known.includes(`\`${name}\``))).toEqual([])
  })

  it('are sound to promtool', async () => {
    const available = await promisify(execFile)('promtool', ['--version']).then(() => true, () => false)
    if (!available) {
      process.stderr.write('SKIPPED: promtool is not installed, so the rules were not checked\n')
      return
    }
    const { stdout } = await promisify(execFile)('promtool', ['check', 'rules', `${folderOfDeploy}prometheus-rules.yml`])
    expect(stdout).toContain('SUCCESS')
  })
})

describe('a node from these files', () => {
  let folder: string
  beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'reedbase-deploy-')) })
  afterAll(async () => { await rm(folder, { recursive: true, force: true }) })

  async function startsAndLeaves(args: readonly string[]): Promise<void> {
    const running = startRdb(['start', ...args, '--http-listen=off', '--listen=127.0.0.1:0'])
    await until('the node to listen', () => {
      if (running.child.exitCode !== null) throw new Error(running.stdoutSoFar() + running.stderrSoFar())
      return running.stdoutSoFar().includes('listens on')
    })
    running.child.kill('SIGTERM')
    expect((await running.ended).code).toBe(0)
  }

  it('starts as the unit starts it, with its configuration', async () => {
    const dataDir = join(folder, 'unit')
    await mkdir(dataDir, { mode: 0o700 })
    await copyFile(`${folderOfDeploy}reedbase.yaml`, join(dataDir, 'reedbase.yaml'))
    const [, start = ''] = /^ExecStart=\S+ start (.*)$/m.exec(await textOf('reedbase-mesh.service')) ?? []
    await startsAndLeaves(start.replace('/var/lib/reedbase-mesh', dataDir).split(' '))
  })

  it('starts as a pod starts it, in folders made as its first container makes them', async () => {
    const set = parseAllDocuments(await textOf('kubernetes.yaml')).map((document) => document.toJS() as Manifest).find(({ kind }) => kind === 'StatefulSet')
    const [node] = set?.spec.template?.spec.containers ?? []
    await mkdir(join(folder, 'data/node'), { recursive: true, mode: 0o700 })
    const args = (node?.args ?? []).slice(1).filter((arg) => !arg.startsWith('--http-') && !arg.startsWith('--listen'))
    await startsAndLeaves(args.map((arg) => arg.replace('$(POD_NAME)', 'pod-0').replace('$(POD_IP)', '127.0.0.1').replace('$(NODE_NAME)', 'host1').replace('=/data/', `=${folder}/data/`).replace('dns:reedbase-mesh:7400', 'dns:localhost:1')))
  })
})
