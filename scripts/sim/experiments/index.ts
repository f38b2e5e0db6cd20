import type { Experiment } from '../experiment.ts'
import { crash, crashThird, cut, idle, join, loss, partition, pause } from './basics.ts'
import { bootstrap } from './bootstrap.ts'
import { bytes } from './bytes.ts'
import { coordinates } from './coordinates.ts'
import { heal } from './heal.ts'
import { lifeguard } from './lifeguard.ts'
import { rapid } from './rapid.ts'
import { swim } from './swim.ts'

/** In the order of the report. */
export const EXPERIMENTS: Readonly<Record<string, Experiment>> = {
  swim, lifeguard, rapid, bootstrap, heal, bytes, coordinates, join, idle, crash, 'crash-third': crashThird, cut, loss, pause, partition,
}
