/** Flags of the project's own scripts: --help prints the usage, and a flag that is not known one line and exit code 2. */
import { parseArgs, type ParseArgsConfig } from 'node:util'

type WithHelp<Config extends ParseArgsConfig> = Omit<Config, 'options'> & { readonly options: Config['options'] & { readonly help: { readonly type: 'boolean' } } }

/** `config` is that of `util.parseArgs`; its `options` get a `help`. */
export function readFlags<const Config extends ParseArgsConfig>(usage: string, config: Config): ReturnType<typeof parseArgs<WithHelp<Config>>> {
  try {
    const parsed = parseArgs<WithHelp<Config>>({ ...config, options: { ...config.options, help: { type: 'boolean' } } })
    if ((parsed.values as { help?: boolean }).help !== true) return parsed
    process.stdout.write(`${usage}\n`)
    process.exit(0)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code?.startsWith('ERR_PARSE_ARGS') !== true) throw error
    process.stderr.write(`error: ${message}\n${usage}\n`)
    process.exit(2)
  }
}
