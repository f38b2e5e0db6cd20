/** Asks until it holds. @throws when it does not within 30 s */
export async function waitFor(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const until = Date.now() + 30_000
  while (!(await holds())) {
    if (Date.now() > until) throw new Error(`waited 30 s for ${what}`)
    await new Promise((resolve) => { setTimeout(resolve, 20) })
  }
}
