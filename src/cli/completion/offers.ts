/** What can follow on a command line, by the very commands that would read it. */
import type { Command, Option } from 'commander'

/** What only a running node can tell, or the shell itself. */
export type ValueKind = 'databases' | 'members' | 'peerIds' | 'zones' | 'fingerprints' | 'files' | 'folders' | 'none'

export interface Offer {
  readonly value: string
  readonly meaning: string
}

export interface Offers {
  readonly offers: readonly Offer[]
  /** Further values, to be asked for; `prefix` goes in front of each. */
  readonly values: { readonly kind: ValueKind; readonly prefix: string }
}

const nothing: Offers = { offers: [], values: { kind: 'none', prefix: '' } }

/** Of options whose choices commander is not told, by their flag. */
const choicesOfFlags: Readonly<Record<string, readonly string[]>> = {
  '--state': ['joining', 'alive', 'suspect', 'failed', 'left'],
  '--route': ['local-only', 'prefer-remote', 'zone=', 'max-staleness=', 'strategy='],
}
const kindsOfFlags: Readonly<Record<string, ValueKind>> = {
  '--data-dir': 'folders', '--config': 'files', '--file': 'files', '--chart': 'files', '--database': 'databases', '--zone': 'zones', '--allow-peer': 'peerIds', '--deny-peer': 'peerIds',
}
const kindsOfArguments: Readonly<Record<string, ValueKind>> = { database: 'databases', member: 'members', a: 'members', b: 'members', peerId: 'peerIds', fingerprint: 'fingerprints', path: 'files' }

export interface OffersInput {
  /** With the command that the words name configured. */
  readonly program: Command
  /** Behind `rdb`, the last of them the one under the cursor. */
  readonly words: readonly string[]
  /** Choices of an option of a node, by its flag; null for another. */
  readonly nodeChoices: (flag: string) => readonly string[] | null
}

export function offersFor({ program, words, nodeChoices }: OffersInput): Offers {
  const current = words.at(-1) ?? ''
  const given = words.slice(0, -1)
  const visible = program.commands.filter((command) => program.createHelp().visibleCommands(program).includes(command))
  const commands = [...visible.map((command): Offer => ({ value: command.name(), meaning: command.summary() })), { value: 'help', meaning: 'show the help of a command' }]
  const at = given.findIndex((word) => !word.startsWith('-'))
  if (at < 0) return starting(current.startsWith('-') ? program.createHelp().visibleOptions(program).flatMap(optionOffers) : commands, current)
  const name = given[at]
  if (name === 'help') return given.length === at + 1 ? starting(commands, current) : nothing
  const command = program.commands.find((known) => known.name() === name)
  return command === undefined ? nothing : offersOf(command, { given: given.slice(at + 1), current, nodeChoices })
}

function offersOf(command: Command, { given, current, nodeChoices }: { readonly given: readonly string[]; readonly current: string; readonly nodeChoices: OffersInput['nodeChoices'] }): Offers {
  const options = command.createHelp().visibleOptions(command)
  const named = (word: string): Option | undefined => options.find(({ short, long }) => word === short || word === long)
  const [, flag, partial] = /^(--[^=]+)=(.*)$/s.exec(current) ?? []
  if (flag !== undefined && partial !== undefined) {
    const option = named(flag)
    return option === undefined ? nothing : valuesOf(option, { current: partial, prefix: `${flag}=`, nodeChoices })
  }
  let positional = 0
  for (let index = 0; index < given.length; index++) {
    const word = given[index] ?? ''
    // Behind it there are no options, and what they mean is another command's affair.
    if (word === '--') return nothing
    const option = named(word)
    if (option === undefined) {
      if (!word.startsWith('-')) positional++
    } else if (option.required || option.optional) {
      if (index === given.length - 1) return valuesOf(option, { current, prefix: '', nodeChoices })
      index++
    }
  }
  if (current.startsWith('-')) {
    // What was given once is mostly not given again; lists are.
    return starting(options.filter((option) => option.parseArg !== undefined || !given.some((word) => word === option.long || word === option.short)).flatMap(optionOffers), current)
  }
  const list = command.registeredArguments
  const last = list.at(-1)
  const argument = list[positional] ?? (last?.variadic === true ? last : undefined)
  if (argument === undefined) return starting(options.flatMap(optionOffers), current)
  if (argument.argChoices !== undefined) return starting(argument.argChoices.map((value) => ({ value, meaning: argument.description })), current)
  return { offers: [], values: { kind: kindsOfArguments[argument.name()] ?? (argument.name() === 'name' && command.name() === 'db:unregister' ? 'databases' : 'none'), prefix: '' } }
}

function valuesOf(option: Option, { current, prefix, nodeChoices }: { readonly current: string; readonly prefix: string; readonly nodeChoices: OffersInput['nodeChoices'] }): Offers {
  const flag = option.long ?? ''
  const choices = option.argChoices ?? choicesOfFlags[flag] ?? nodeChoices(flag)
  if (choices !== null) return { offers: starting(choices.map((value) => ({ value, meaning: '' })), current).offers.map(({ value, meaning }) => ({ value: `${prefix}${value}`, meaning })), values: { kind: 'none', prefix } }
  return { offers: [], values: { kind: kindsOfFlags[flag] ?? (/<(?:path|file)/.test(option.flags) ? 'files' : 'none'), prefix } }
}

function optionOffers({ long, short, description }: Option): Offer[] {
  const value = long ?? short
  return value === undefined ? [] : [{ value, meaning: description }]
}

function starting(offers: readonly Offer[], current: string): Offers {
  return { offers: offers.filter(({ value }) => value.startsWith(current)), values: { kind: 'none', prefix: '' } }
}
