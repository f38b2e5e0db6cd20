/** What whoever changes a configuration has to know before the next start. */

/** Of a flag or variable that the node was started with. */
export function winsNote(source: string, key: string, file: string): string {
  return `${source} was given at the start and wins over ${key} in ${file} at the next one.`
}
