/** Everything that membership waits for. Those with a colon name a probe's sequence or a member. */
export type DeadlineName =
  | 'period'
  | 'gossip'
  | 'reconnect'
  | 'appeal'
  | `probe:${number}`
  | `relay:${number}`
  | `watch:${string}`
  | `evidence:${string}`
  | `suspect:${string}`
  | `probation:${string}`
  | `settle:${string}`
  | `forget:${string}`
