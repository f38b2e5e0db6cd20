/** An event as a line of the terminal: when, what, and the story that the log tells too. */
import { eventText } from '../node/event-text.ts'
import type { EventView } from '../wire/control.ts'
import type { Style, TextOutput } from './context.ts'
import { formatTime } from './format.ts'

const eventStyles: Readonly<Record<EventView['type'], Style>> = {
  'member-joined': 'green', 'member-updated': 'cyan', 'member-suspected': 'yellow', 'member-refuted': 'green', 'member-failed': 'red', 'member-left': 'dim',
  'member-returning': 'cyan', 'member-flapping': 'yellow', 'member-settled': 'green', 'path-degraded': 'yellow', 'path-restored': 'green',
  'partition-suspected': 'red', 'partition-healed': 'green', 'partition-ended': 'dim', 'quorum-lost': 'red', 'quorum-regained': 'green',
  'peer-ejected': 'yellow', 'peer-returned': 'green', 'hotspot-detected': 'yellow', 'hotspot-ended': 'green',
  'name-conflict': 'yellow', 'name-conflict-ended': 'green',
}

export function eventLine(event: EventView, output: TextOutput): string {
  return `${formatTime(event.atWallMs)} ${output.style(eventStyles[event.type], event.type.padEnd('member-suspected'.length))} ${eventText(event)}`
}
