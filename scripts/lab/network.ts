/**
 * Hosts on one machine: a network namespace each, joined by veth pairs to a bridge in a namespace of its own, so that neither the machine's own
 * interfaces nor its firewall see anything of it. Neighbours are permanent, because 60 namespaces overflow the kernel's ARP table. Loss is a
 * random drop on the bridge; a cut drops everything of one host there, so nobody sees a FIN.
 */
import { execFileSync } from 'node:child_process'

const prefix = 'rdblab'
const bridgeSpace = `${prefix}-br`

export class LabError extends Error {
  override readonly name = 'LabError'
}

/** @throws LabError naming what is missing */
export function checkHost(programs: readonly string[]): void {
  if (process.getuid?.() !== 0) throw new LabError('network namespaces need root; run it as root')
  for (const program of ['ip', 'nft', ...programs]) {
    try {
      execFileSync('which', [program], { stdio: 'ignore' })
    } catch (cause) {
      throw new LabError(`${program} is missing; apt-get install -y iproute2 nftables serf`, { cause })
    }
  }
  try {
    execFileSync('ip', ['netns', 'add', `${prefix}-try`], { stdio: 'pipe' })
    execFileSync('ip', ['netns', 'del', `${prefix}-try`], { stdio: 'pipe' })
  } catch (cause) {
    throw new LabError('this machine does not allow network namespaces', { cause })
  }
}

export class LabNetwork {
  readonly size: number
  #isUp = false

  /** @throws LabError when a command of the system fails */
  constructor(size: number) {
    this.size = size
    removeLeftovers()
    this.#isUp = true
    try {
      this.#build()
    } catch (error) {
      this.remove()
      throw error
    }
  }

  address(host: number): string {
    return `10.77.${Math.floor(host / 200)}.${(host % 200) + 1}`
  }

  /** What to put before a command so that it runs on that host. */
  on(host: number): readonly string[] {
    return ['ip', 'netns', 'exec', space(host)]
  }

  /** 0–100, of every packet that crosses the bridge. */
  setLoss(percent: number): void {
    nft(['flush chain bridge lab lossy', ...(percent > 0 ? [`add rule bridge lab lossy numgen random mod 100 < ${percent} drop`] : [])])
  }

  /** From now on nothing of these hosts crosses the bridge; an empty list mends all cuts. */
  cut(hosts: readonly number[]): void {
    nft(['flush chain bridge lab cuts', ...hosts.flatMap((host) => [`add rule bridge lab cuts iifname "v${host}" drop`, `add rule bridge lab cuts oifname "v${host}" drop`])])
  }

  /** Parts the hosts into two sides that cannot reach each other. */
  partition(side: readonly number[]): void {
    const isIn = new Set(side)
    const rest = Array.from({ length: this.size }, (_, host) => host).filter((host) => !isIn.has(host))
    const set = (hosts: readonly number[]): string => `{ ${hosts.map((host) => `"v${host}"`).join(', ')} }`
    nft(['flush chain bridge lab cuts', `add rule bridge lab cuts iifname ${set(side)} oifname ${set(rest)} drop`, `add rule bridge lab cuts iifname ${set(rest)} oifname ${set(side)} drop`])
  }

  /** Bytes of IP packets with UDP that the host has sent and received since the start. */
  datagramBytes(host: number): { readonly sent: number; readonly received: number } {
    const read = (name: string): number => {
      const { nftables } = JSON.parse(run(['ip', 'netns', 'exec', bridgeSpace, 'nft', '-j', 'list', 'counter', 'bridge', 'lab', name])) as { nftables: Array<{ counter?: { bytes: number } }> }
      return nftables.find(({ counter }) => counter !== undefined)?.counter?.bytes ?? 0
    }
    return { sent: read(`out${host}`), received: read(`in${host}`) }
  }

  remove(): void {
    if (!this.#isUp) return
    this.#isUp = false
    removeLeftovers()
  }

  #build(): void {
    const hosts = Array.from({ length: this.size }, (_, host) => host)
    run(['ip', 'netns', 'add', bridgeSpace])
    batch(bridgeSpace, ['link set lo up', 'link add br0 type bridge', 'link set br0 up'])
    for (const host of hosts) {
      run(['ip', 'netns', 'add', space(host)])
      batch(bridgeSpace, [`link add v${host} type veth peer name eth0 address ${mac(host)} netns ${space(host)}`, `link set v${host} master br0`, `link set v${host} up`])
      batch(space(host), [
        'link set lo up', `addr add ${this.address(host)}/16 dev eth0`, 'link set eth0 up',
        ...hosts.filter((other) => other !== host).map((other) => `neigh add ${this.address(other)} lladdr ${mac(other)} dev eth0 nud permanent`),
      ])
    }
    nft([
      'add table bridge lab',
      'add chain bridge lab lossy',
      'add chain bridge lab cuts',
      'add chain bridge lab crossing { type filter hook forward priority 0; policy accept; }',
      ...hosts.flatMap((host) => [
        `add counter bridge lab in${host}`, `add counter bridge lab out${host}`,
        `add rule bridge lab crossing iifname "v${host}" meta l4proto udp counter name out${host}`,
      ]),
      'add rule bridge lab crossing jump cuts',
      'add rule bridge lab crossing jump lossy',
      ...hosts.map((host) => `add rule bridge lab crossing oifname "v${host}" meta l4proto udp counter name in${host}`),
    ])
  }
}

/** What an earlier run left behind when it was killed. */
export function removeLeftovers(): void {
  const spaces = run(['ip', 'netns', 'list']).split('\n').map((line) => line.split(' ')[0] ?? '').filter((name) => name.startsWith(`${prefix}-`))
  for (const name of spaces) {
    for (const pid of run(['ip', 'netns', 'pids', name]).split('\n').filter((line) => line !== '')) {
      try {
        process.kill(Number(pid), 'SIGKILL')
      } catch (error) {
        // Gone between the listing and the signal.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
    run(['ip', 'netns', 'del', name])
  }
}

function space(host: number): string {
  return `${prefix}-${host}`
}

function mac(host: number): string {
  return `02:77:00:00:${hex(host >> 8)}:${hex(host & 255)}`
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}

function nft(lines: readonly string[]): void {
  run(['ip', 'netns', 'exec', bridgeSpace, 'nft', '-f', '-'], `${lines.join('\n')}\n`)
}

function batch(name: string, lines: readonly string[]): void {
  run(['ip', '-netns', name, '-batch', '-'], `${lines.join('\n')}\n`)
}

function run([program = '', ...args]: readonly string[], input = ''): string {
  try {
    return execFileSync(program, args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] })
  } catch (error) {
    throw new LabError(`${program} ${args.join(' ')}: ${(error as { stderr?: string }).stderr ?? String(error)}`, { cause: error })
  }
}
