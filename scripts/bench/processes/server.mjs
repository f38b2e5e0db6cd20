// A node process whose engine sleeps as long as its parent says, or until it is let go: createNode() with an engine of its own.
import { createNode, createRowsResult } from '../../../dist/index.js'
import { createRandom } from '../../../dist/core/time/random.js'

const { settings, seed } = JSON.parse(process.argv[2])
const random = createRandom(seed)
/** `medianMs` with `sigma`: lognormal; `fixedMs`; or `isHeld`. */
let service = { fixedMs: 0 }
const held = new Set()
const counts = { started: 0, cancelled: 0, runningMax: 0 }
let running = 0

function serviceMs() {
  if (service.fixedMs !== undefined) return service.fixedMs
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return service.medianMs * Math.exp(service.sigma * normal)
}

function served(signal) {
  return new Promise((resolve, reject) => {
    let timer = null
    const go = () => {
      signal.removeEventListener('abort', stop)
      held.delete(go)
      resolve()
    }
    const stop = () => {
      clearTimeout(timer)
      held.delete(go)
      counts.cancelled++
      reject(signal.reason)
    }
    signal.addEventListener('abort', stop, { once: true })
    if (service.isHeld === true) held.add(go)
    else timer = setTimeout(go, serviceMs())
  })
}

const sleeping = ({ database }) => Promise.resolve({
  database, kind: 'sleeping', role: 'replica',
  isReady: () => true,
  classify: () => Promise.resolve('read'),
  async execute({ signal }) {
    counts.started++
    counts.runningMax = Math.max(counts.runningMax, ++running)
    try {
      signal.throwIfAborted()
      await served(signal)
      return createRowsResult([{ name: 'node', type: 'text' }], [[settings.name]])
    } finally {
      running--
    }
  },
  close: () => Promise.resolve(),
})

process.on('message', (message) => {
  if (message.service !== undefined) service = message.service
  if (service.isHeld !== true) for (const go of held) go()
  process.send({ id: message.id, running, ...counts, rssBytes: process.memoryUsage.rss(), cpuSeconds: (process.cpuUsage().user + process.cpuUsage().system) / 1e6 })
})
process.on('disconnect', () => process.exit(0))
const node = await createNode(settings, { engines: { sleeping } })
process.send({ ready: { tcpMultiaddrs: node.tcpMultiaddrs } })
