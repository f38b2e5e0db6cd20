import { datagramsContract } from '../../../contract/datagrams.ts'
import { MemoryDatagramNetwork } from '../../../support/memory-datagrams.ts'

const network = new MemoryDatagramNetwork()

datagramsContract('datagrams in memory', (end) => Promise.resolve(network.open(end)))
