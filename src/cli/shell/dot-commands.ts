export interface DotCommand {
  readonly name: string
  readonly argument: string
  readonly meaning: string
}

export const dotCommands: readonly DotCommand[] = [
  { name: '.nodes', argument: '', meaning: 'the nodes that serve the database, as rdb db:nodes shows them' },
  { name: '.tables', argument: '', meaning: 'the tables, with their columns' },
  { name: '.explain', argument: '<sql>', meaning: 'where a query would run, and why, without running it' },
  { name: '.timing', argument: 'on|off', meaning: 'where each statement ran, and how long it took' },
  { name: '.rows', argument: '<n>|all', meaning: 'how many rows of a result are shown' },
  { name: '.help', argument: '', meaning: 'this list' },
  { name: '.quit', argument: '', meaning: 'leave, as Ctrl-D does; an open transaction is rolled back' },
]

export function helpText(): string {
  const width = Math.max(...dotCommands.map(({ name, argument }) => `${name} ${argument}`.length))
  return `${dotCommands.map(({ name, argument, meaning }) => `${`${name} ${argument}`.padEnd(width)}  ${meaning}`).join('\n')}
Everything else is SQL: it may go over several lines and ends with a semicolon. BEGIN, COMMIT and ROLLBACK make transactions.
Tab completes, the arrow up brings back, Ctrl-C cancels the running statement or clears the line. A line that begins with a space is not remembered.
`
}
