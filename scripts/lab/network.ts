/**
 * Hosts on one machine: a network namespace each, joined by veth pairs to a bridge in a namespace of its own, so that neither the machine's own
 * interfaces nor its firewall see anything of it. Neighbours are permanent, because 60 namespaces overflow the kernel's ARP table. Loss is a
 * random drop on the bridge; a cut drops everything of one host there, so nobody sees a FIN.
 */
import { LabError } from './lab-error.ts'
import { ownPrefix, removeOwnSpaces, runCommand } from './ownership.ts'

const burstBytes = 32_768

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

export function addressOf(host: number): string {
  return `10.77.${Math.floor(host / 200)}.${(host % 200) + 1}`
}

export class LabNetwork {
  readonly size: number

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

  /** Of every packet that crosses the bridge. */
  setLoss(percent: number): void {
    this.#nft(['flush chain bridge lab loss', ...(percent > 0 ? [`add rule bridge lab loss numgen random mod 100 < ${percent} drop`] : [])])
  }

  /** From now on nothing to or from these hosts crosses the bridge; an empty list mends all cuts and partitions. */
  cut(hosts: readonly number[]): void {
    this.#nft(['flush chain bridge lab cuts', ...hosts.flatMap((host) => [`add rule bridge lab cuts iifname "v${host}" drop`, `add rule bridge lab cuts oifname "v${host}" drop`])])
  }

  /** From now on these hosts and the others do not reach each other. */
  partition(side: readonly number[]): void {
    const rest = this.#hosts().filter((host) => !side.includes(host))
    const set = (hosts: readonly number[]): string => `{ ${hosts.map((host) => `"v${host}"`).join(', ')} }`
    this.#nft(['flush chain bridge lab cuts', `add rule bridge lab cuts iifname ${set(side)} oifname ${set(rest)} drop`, `add rule bridge lab cuts iifname ${set(rest)} oifname ${set(side)} drop`])
  }

  /** Of IP packets since the network was built, host by host; what was sent is counted before it may be dropped, what was received after. */
  bytes(): HostBytes[] {
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
    runCommand(['ip', 'netns', 'add', this.#bridgeSpace])
    ipBatch(this.#bridgeSpace, ['link set lo up', 'link add br0 type bridge', 'link set br0 up'])
    for (const host of this.#hosts()) {
      runCommand(['ip', 'netns', 'add', this.#space(host)])
      ipBatch(this.#bridgeSpace, [`link add v${host} type veth peer name eth0 address ${macOf(host)} netns ${this.#space(host)}`, `link set v${host} master br0`, `link set v${host} up`])
      ipBatch(this.#space(host), [
        'link set lo up', `addr add ${addressOf(host)}/16 dev eth0`, 'link set eth0 up',
        ...this.#hosts().filter((other) => other !== host).map((other) => `neigh add ${addressOf(other)} lladdr ${macOf(other)} dev eth0 nud permanent`),
      ])
      if (rate !== null) {
        runCommand(['tc', '-netns', this.#space(host), 'qdisc', 'add', 'dev', 'eth0', 'root', 'tbf', 'rate', rate, 'burst', String(burstBytes), 'latency', '400ms'])
        runCommand(['tc', '-netns', this.#bridgeSpace, 'qdisc', 'add', 'dev', `v${host}`, 'root', 'tbf', 'rate', rate, 'burst', String(burstBytes), 'latency', '400ms'])
      } else if (delayMs !== null) {
        try {
          runCommand(['tc', '-netns', this.#space(host), 'qdisc', 'add', 'dev', 'eth0', 'root', 'netem', 'delay', `${delayMs}ms`])
        } catch (cause) {
          throw new LabError(`this kernel delays nothing: ${(cause as Error).message.trim()}`, { cause })
        }
      }
    }
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

  #nft(lines: readonly string[]): void {
    runCommand(['ip', 'netns', 'exec', this.#bridgeSpace, 'nft', '-f', '-'], `${lines.join('\n')}\n`)
  }
}

function macOf(host: number): string {
  const hex = (byte: number): string => byte.toString(16).padStart(2, '0')
  return `02:77:00:00:${hex(host >> 8)}:${hex(host & 255)}`
}

function ipBatch(space: string, lines: readonly string[]): void {
  runCommand(['ip', '-netns', space, '-batch', '-'], `${lines.join('\n')}\n`)
}
