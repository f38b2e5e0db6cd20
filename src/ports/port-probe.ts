/**
 * Whether anything listens at a TCP address: `open` when its host accepts the connection, which it does for a hung process too; `refused` when the
 * host says that nothing listens; `silent` when nothing came back in time; null when this host could not even try.
 */
export type PortProbe = (multiaddrs: readonly string[], timeoutMs: number) => Promise<'open' | 'refused' | 'silent' | null>
