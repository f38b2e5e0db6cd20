/** What the scripts of `rdb completion` ask at each Tab. Says nothing of what goes wrong: whoever presses Tab has a line to finish. */
import { stripVTControlCharacters } from 'node:util'
import type { Command } from 'commander'
import { type Offer, offersFor, type ValueKind } from '../completion/offers.ts'
import type { CliContext } from '../context.ts'
import type { KeysView, MemberView } from '../../wire/control.ts'
import { ask, dataDirOf } from '../local-node.ts'

/** A node that is slow to answer is not waited for with a finger on the key. */
const askMs = 500
const meaningCharactersMax = 100
const offersMax = 1_000

export function configure(command: Command, context: CliContext): void {
  // The words are another command's, options included.
  command.argument('[words...]').allowUnknownOption().allowExcessArguments().helpOption(false)
  command.action(async () => {
    const program = command.parent
    if (program === null) return
    await context.stdout.write(await completion(program, context))
  })
}

async function completion(program: Command, context: CliContext): Promise<string> {
  const args = (program as unknown as { readonly rawArgs: readonly string[] }).rawArgs
  const words = args.slice(args.indexOf('--') + 1)
  const { OPTION_TABLE } = words.some((word) => word.startsWith('--')) ? await import('../../node/options-table.ts') : { OPTION_TABLE: [] }
  const nodeChoices = (flag: string): readonly string[] | null => {
    const form = OPTION_TABLE.find((option) => option.flag === flag)?.form
    return form?.kind === 'choice' ? form.choices : null
  }
  const { offers, values } = offersFor({ program, words, nodeChoices })
  const current = (words.at(-1) ?? '').slice(values.prefix.length)
  if (values.kind === 'files' || values.kind === 'folders') return `${lines(offers)}:${values.kind}\n`
  const known = values.kind === 'none' ? [] : await valuesKnown(values.kind, words, context)
  return lines([...offers, ...known.filter(({ value }) => value.startsWith(current)).map(({ value, meaning }) => ({ value: `${values.prefix}${value}`, meaning }))])
}

async function valuesKnown(kind: ValueKind, words: readonly string[], context: CliContext): Promise<Offer[]> {
  const at = words.findIndex((word) => word === '--data-dir')
  const given = at >= 0 ? words[at + 1] : words.find((word) => word.startsWith('--data-dir='))?.slice('--data-dir='.length)
  const target = { dataDir: dataDirOf(given === undefined ? {} : { dataDir: given }, context) }
  const signal = AbortSignal.timeout(askMs)
  try {
    if (kind === 'fingerprints') {
      const { fingerprints } = await ask<KeysView>(context, target, { method: 'keys-list', mesh: false }, signal)
      return fingerprints.map((value, index) => ({ value, meaning: index === 0 ? 'in use' : '' }))
    }
    return fromMembers(kind, await ask<readonly MemberView[]>(context, target, { method: 'members' }, signal))
  } catch {
    // No node, or a slow one: there is nothing to offer.
    return []
  }
}

function fromMembers(kind: ValueKind, members: readonly MemberView[]): Offer[] {
  const expected = members.filter(({ state }) => state !== 'left')
  switch (kind) {
    case 'members': return expected.map(({ name, state }) => ({ value: name, meaning: state }))
    case 'peerIds': return expected.map(({ record, name }) => ({ value: record.peerId, meaning: name }))
    case 'zones': return [...new Set(expected.flatMap(({ record }) => [record.datacenter, `${record.datacenter}/${record.rack}`]))].sort().map((value) => ({ value, meaning: '' }))
    case 'databases': {
      const copies = new Map<string, string[]>()
      for (const { record, name } of expected) for (const database of record.databases) copies.set(database.name, [...copies.get(database.name) ?? [], name])
      return [...copies].sort().map(([value, names]) => ({ value, meaning: `on ${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}` }))
    }
    default: return []
  }
}

/** What all shells take as it is: no command, no variable, no pattern, no end of a word. */
const plainForm = /^[A-Za-z0-9_.:,/=+@~-]*$/

/** What a member calls itself must not move the cursor, and not be run by the shell that it is completed in. */
function lines(offers: readonly Offer[]): string {
  return offers.filter(({ value }) => plainForm.test(value)).slice(0, offersMax).map(({ value, meaning }) => `${value}\t${clean(meaning).slice(0, meaningCharactersMax)}\n`).join('')
}

function clean(text: string): string {
  return stripVTControlCharacters(text).replace(/\s+/g, ' ')
}
