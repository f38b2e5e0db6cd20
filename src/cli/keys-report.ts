/** Who holds which cluster keys after a step of a rotation, and what to do about those that did not take part. */
import { MeshError } from '../errors.ts'
import type { KeysMemberView, KeysView } from '../wire/control.ts'
import type { CliContext, TextOutput } from './context.ts'
import { drawTable } from './table.ts'

export function keysTable({ fingerprints, members }: KeysView, output: TextOutput): string {
  const [inUse = '–', ...others] = fingerprints
  const own = ['this node', inUse, others.join(', ') || '–', '']
  return drawTable([{ title: 'Name' }, { title: 'In use' }, { title: 'Also held' }, { title: 'Note' }], [own, ...members.map((member) => memberRow(member, output))], output)
}

function memberRow(member: KeysMemberView, output: TextOutput): string[] {
  const { name, fingerprints, isUp, problem, agrees } = member
  if (fingerprints === null) return [name, '?', '?', output.style(isUp ? 'red' : 'yellow', isUp ? `did not confirm: ${headline(problem ?? 'no answer')}` : 'down')]
  const [inUse = '–', ...others] = fingerprints
  return [name, inUse, others.join(', ') || '–', agrees ? '' : output.style('yellow', 'differs from this node')]
}

/** What lies behind it is for --json. */
function headline(problem: string): string {
  return problem.split(': ', 1)[0] ?? problem
}

/**
 * Writes what a step has come to.
 * @throws MeshError ERR_KEYS_INCOMPLETE when a member that is up did not confirm it
 */
export async function reportStep(view: KeysView, done: string, next: string, { stdout, stderr }: CliContext): Promise<void> {
  await stdout.write(keysTable(view, stdout))
  const open = view.members.filter(({ isUp, agrees }) => isUp && !agrees).map(({ name }) => name)
  if (open.length > 0) {
    throw new MeshError('ERR_KEYS_INCOMPLETE', `${done} here, but not at ${open.join(', ')}`, { details: { members: open.join(', ') } })
  }
  const down = view.members.filter(({ isUp }) => !isUp).map(({ name }) => name)
  const confirmed = view.members.length - down.length
  await stdout.write(`${done} here and at ${confirmed === 1 ? 'the other member' : `all ${confirmed} other members`} that ${confirmed === 1 ? 'is' : 'are'} up.\n`)
  if (down.length > 0) {
    await stderr.write(`note: ${down.join(', ')} ${down.length === 1 ? 'is' : 'are'} down. A member that comes back takes part by itself as long as one of its keys is still in the ring; otherwise copy the keyring file to it.\n`)
  }
  await stderr.write(`next: ${next}\n`)
}
