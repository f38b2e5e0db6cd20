/** The settings of routing as the configuration file has them, where no node runs. */
import { MeshError } from '../errors.ts'
import type { NodeOptions } from '../node/options.ts'
import { writeDuration } from '../node/options-values.ts'
import type { RoutingChange, RoutingConfigView } from '../wire/control.ts'
import { offlineConfiguration } from './configuration-flags.ts'
import type { CliContext } from './context.ts'

/** @throws MeshError ERR_DATABASE_UNKNOWN, ERR_OPTION_INVALID, ERR_CONFIG_FILE */
export async function routingInFile(database: string, { dataDir, change, save }: { readonly dataDir: string; readonly change: RoutingChange | null; readonly save: boolean }, context: CliContext): Promise<RoutingConfigView> {
  if (change !== null && !save) throw new MeshError('ERR_NO_NODE', `no node runs on ${dataDir}, and --no-save leaves the file as it is: there is nothing to change`)
  const { configuration, file } = await offlineConfiguration({ dataDir }, context)
  const note = `No node runs on ${dataDir}: ${change === null ? 'this is what its next start takes' : 'only the file was changed'}.`
  if (change === null) return viewOf(database, configuration.options, { file: file.path, isSaved: null, notes: [note] })
  await file.change((tree) => {
    for (const [key, value] of [['cpuThreshold', change.cpuThresholdPercent], ['memoryThreshold', change.memoryThresholdPercent], ['strategy', change.strategy]] as const) {
      if (value === undefined) continue
      if (!tree.has(['databases', database])) throw unknownIn(file.path, database)
      tree.set(['databases', database, key], value)
    }
    if (change.pingIntervalMs !== undefined) tree.set(['pingInterval'], writeDuration(change.pingIntervalMs))
  }, () => undefined)
  const after = await offlineConfiguration({ dataDir }, context)
  const wins = ['databases', 'pingInterval'].flatMap((key) => {
    const source = after.configuration.overriddenBy.get(key)
    return source === undefined ? [] : [`${source} is set, and wins over ${key} in the file.`]
  })
  return viewOf(database, after.configuration.options, { file: file.path, isSaved: true, notes: [note, ...wins] })
}

function viewOf(database: string, options: NodeOptions, rest: Pick<RoutingConfigView, 'file' | 'isSaved' | 'notes'>): RoutingConfigView {
  const known = options.databases.find(({ name }) => name === database)
  if (known === undefined) throw unknownIn(rest.file ?? '', database)
  const { cpuPercent, memoryPercent, leaveMarginPercent, dwellMs } = known.thresholds
  const keys = { cpuThreshold: cpuPercent, memoryThreshold: memoryPercent, overloadLeaveMargin: leaveMarginPercent, overloadDwell: dwellMs, strategy: known.strategy ?? undefined }
  return {
    database, node: '', isServedHere: true, servers: [], cpuThresholdPercent: cpuPercent ?? options.cpuThresholdPercent, memoryThresholdPercent: memoryPercent ?? options.memoryThresholdPercent,
    overloadLeaveMarginPercent: leaveMarginPercent ?? options.overloadLeaveMarginPercent, overloadDwellMs: dwellMs ?? options.overloadDwellMs, latencyThresholdMs: options.latencyThresholdMs,
    strategy: known.strategy ?? options.strategy, pingIntervalMs: options.pingIntervalMs, own: (Object.keys(keys) as Array<keyof typeof keys>).filter((key) => keys[key] !== undefined), ...rest,
  }
}

function unknownIn(path: string, database: string): MeshError {
  return new MeshError('ERR_DATABASE_UNKNOWN', `${database} is not in ${path}, and no node runs`, { nextStep: `rdb db:register ${database} PATH puts it there.` })
}
