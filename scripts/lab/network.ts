/**
 * Hosts on one machine: a network namespace each, joined by veth pairs to a bridge in a namespace of its own, so that neither the machine's own
 * interfaces nor its firewall see anything of it. Neighbours are permanent, because 60 namespaces overflow the kernel's ARP table. Loss is a
 * random drop on the bridge; a cut drops everything of one host there, so nobody sees a FIN.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { addressOf, macOf, underlayOf, vxlanPort } from './addresses.ts'
import { LabError } from './lab-error.ts'
import { ownPrefix, removeOwnSpaces, runCommand } from './ownership.ts'

const burstBytes = 32_768
const relayPath = fileURLToPath(new URL('relay.ts', import.meta.url))
const relayLink = 'vrelay'
/** Its number in the plan of addresses, beyond all hosts. */
const relayHost = 199
const relayStartMs = 10_000

export interface HostBytes {
  readonly sentDatagramBytes: number
  readonly receivedDatagramBytes: number
  readonly sentBytes: number
  readonly receivedBytes: number
}

/** What all paths are like; null for as good as the machine gives. */
export interface PathLimits {
  /** In words of `tc`, such as 10mbit. */
  readonly rate: string | null
  readonly delayMs: number | null
}

export class LabNetwork {
  readonly size: number
  /** Null where nothing is delayed, or the kernel does it. */
  #relay: ChildProcess | null = null

  /** @throws LabError when the system refuses something; then nothing is left behind */
  constructor(size: number, limits: PathLimits = { rate: null, delayMs: null }) {
    this.size = size
    try {
      this.#build(limits)
    } catch (error) {
      this.remove()
      throw error
    }
  }

  /** The command as it must be run to run on that host. */
  on(host: number, command: readonly string[]): readonly string[] {
    return ['ip', 'netns', 'exec', this.#space(host), ...command]
  }

  /** Resolves when packets cross; before, some may be lost. */
  async ready(): Promise<void> {
    if (this.#relay?.stdout != null) await once(this.#relay.stdout, 'data', { signal: AbortSignal.timeout(relayStartMs) })
  }

  /** Of every packet that crosses the bridge. */
  setLoss(percent: number): void {
    // What is relayed crosses twice.
    const where = this.#relay === null ? '' : `oifname "${relayLink}" `
    this.#nft(['flush chain bridge lab loss', ...(percent > 0 ? [`add rule bridge lab loss ${where}numgen random mod 100 < ${percent} drop`] : [])])
  }

  /** From now on nothing to or from these hosts crosses the bridge; an empty list mends all cuts and partitions. */
  cut(hosts: readonly number[]): void {
    this.#nft(['flush chain bridge lab cuts', ...hosts.flatMap((host) => [`add rule bridge lab cuts iifname "v${host}" drop`, `add rule bridge lab cuts oifname "v${host}" drop`])])
  }

  /** From now on these hosts and the others do not reach each other. */
  partition(side: readonly number[]): void {
    const rest = this.#hosts().filter((host) => !side.includes(host))
    const from = (hosts: readonly number[]): string => `iifname { ${hosts.map((host) => `"v${host}"`).join(', ')} }`
    // In a tunnel, whom a frame is for is in the 48 bits after the headers of UDP and VXLAN.
    const to = (hosts: readonly number[]): string => (this.#relay === null
      ? `oifname { ${hosts.map((host) => `"v${host}"`).join(', ')} }`
      : `@th,128,48 { ${hosts.map((host) => `0x${macOf(host).replaceAll(':', '')}`).join(', ')} }`)
    this.#nft(['flush chain bridge lab cuts', `add rule bridge lab cuts ${from(side)} ${to(rest)} drop`, `add rule bridge lab cuts ${from(rest)} ${to(side)} drop`])
  }

  /**
   * Of IP packets since the network was built, host by host; what was sent is counted before it may be dropped, what was received after.
   * @throws LabError when a relay delays them
   */
  bytes(): HostBytes[] {
    if (this.#relay !== null) throw new LabError('bytes cannot be counted while a relay delays them, because tunnels hide what is a datagram')
    const listed = JSON.parse(runCommand(['ip', 'netns', 'exec', this.#bridgeSpace, 'nft', '-j', 'list', 'counters', 'table', 'bridge', 'lab'])) as { nftables: Array<{ counter?: { name: string; bytes: number } }> }
    const counted = new Map(listed.nftables.flatMap(({ counter }) => (counter === undefined ? [] : [[counter.name, counter.bytes] as const])))
    const of = (name: string): number => counted.get(name) ?? 0
    return this.#hosts().map((host) => ({
      sentDatagramBytes: of(`udpfrom${host}`), receivedDatagramBytes: of(`udpto${host}`), sentBytes: of(`from${host}`), receivedBytes: of(`to${host}`),
    }))
  }

  remove(): void {
    removeOwnSpaces()
  }

  get #bridgeSpace(): string {
    return `${ownPrefix}bridge`
  }

  #space(host: number): string {
    return `${ownPrefix}h${host}`
  }

  #hosts(): number[] {
    return Array.from({ length: this.size }, (_, host) => host)
  }

  #build({ rate, delayMs }: PathLimits): void {
    const isRelayed = delayMs !== null && !hasNetem()
    const outer = isRelayed ? 'under0' : 'eth0'
    runCommand(['ip', 'netns', 'add', this.#bridgeSpace])
    ipBatch(this.#bridgeSpace, ['link set lo up', 'link add br0 type bridge', 'link set br0 up'])
    for (const host of this.#hosts()) {
      const space = this.#space(host)
      runCommand(['ip', 'netns', 'add', space])
      // Room for the headers of the tunnel, so that the hosts have the same MTU with and without it.
      ipBatch(this.#bridgeSpace, [`link add v${host} mtu 1600 type veth peer name ${outer} ${isRelayed ? '' : `address ${macOf(host)} `}mtu ${isRelayed ? 1600 : 1500} netns ${space}`, `link set v${host} master br0`, `link set v${host} up`])
      ipBatch(space, [
        'link set lo up',
        ...(isRelayed ? [`addr add ${underlayOf(host)}/24 dev under0`, 'link set under0 up', `link add eth0 address ${macOf(host)} mtu 1500 type vxlan id 77 local ${underlayOf(host)} remote ${underlayOf(relayHost)} dstport ${vxlanPort} nolearning`,
          // One segment a packet, as no datagram holds more.
          'link set eth0 gso_max_segs 1'] : []),
        `addr add ${addressOf(host)}/24 dev eth0`, 'link set eth0 up',
        ...this.#hosts().filter((other) => other !== host).map((other) => `neigh add ${addressOf(other)} lladdr ${macOf(other)} dev eth0 nud permanent`),
      ])
      if (rate !== null) {
        for (const [place, link] of [[space, outer], [this.#bridgeSpace, `v${host}`]] as const) runCommand(['tc', '-netns', place, 'qdisc', 'add', 'dev', link, 'root', 'handle', '1:', 'tbf', 'rate', rate, 'burst', String(burstBytes), 'latency', '400ms'])
      }
      if (delayMs !== null && !isRelayed) runCommand(['tc', '-netns', space, 'qdisc', 'add', 'dev', 'eth0', ...(rate === null ? ['root'] : ['parent', '1:']), 'netem', 'delay', `${delayMs}ms`])
    }
    if (isRelayed) this.#startRelay(delayMs)
    const counters = ['from', 'to', 'udpfrom', 'udpto']
    this.#nft([
      'add table bridge lab', 'add chain bridge lab loss', 'add chain bridge lab cuts',
      'add chain bridge lab crossing { type filter hook forward priority 0; policy accept; }',
      ...this.#hosts().flatMap((host) => [
        ...counters.map((name) => `add counter bridge lab ${name}${host}`),
        `add rule bridge lab crossing iifname "v${host}" counter name from${host}`, `add rule bridge lab crossing iifname "v${host}" meta l4proto udp counter name udpfrom${host}`,
      ]),
      'add rule bridge lab crossing jump cuts', 'add rule bridge lab crossing jump loss',
      ...this.#hosts().flatMap((host) => [`add rule bridge lab crossing oifname "v${host}" counter name to${host}`, `add rule bridge lab crossing oifname "v${host}" meta l4proto udp counter name udpto${host}`]),
    ])
  }

  #startRelay(delayMs: number): void {
    const space = `${ownPrefix}relay`
    runCommand(['ip', 'netns', 'add', space])
    ipBatch(this.#bridgeSpace, [`link add ${relayLink} mtu 1600 type veth peer name eth0 mtu 1600 netns ${space}`, `link set ${relayLink} master br0`, `link set ${relayLink} up`])
    ipBatch(space, ['link set lo up', `addr add ${underlayOf(relayHost)}/24 dev eth0`, 'link set eth0 up'])
    this.#relay = spawn('ip', ['netns', 'exec', space, process.execPath, relayPath, String(delayMs)], { stdio: ['ignore', 'pipe', 'inherit'] })
  }

  #nft(lines: readonly string[]): void {
    runCommand(['ip', 'netns', 'exec', this.#bridgeSpace, 'nft', '-f', '-'], `${lines.join('\n')}\n`)
  }
}

/** Whether this kernel delays packets by itself. */
function hasNetem(): boolean {
  const space = `${ownPrefix}netem`
  runCommand(['ip', 'netns', 'add', space])
  try {
    runCommand(['tc', '-netns', space, 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '1ms'])
    return true
  } catch (error) {
    if (!(error instanceof LabError)) throw error
    return false
  } finally {
    runCommand(['ip', 'netns', 'del', space])
  }
}

function ipBatch(space: string, lines: readonly string[]): void {
  runCommand(['ip', '-netns', space, '-batch', '-'], `${lines.join('\n')}\n`)
}
