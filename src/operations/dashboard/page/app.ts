/** The dashboard: one state, fed by the node's stream, drawn by views that know nothing of each other. */
import { announcement } from './announcer.ts'
import { alertsCame, connectionChanged, databasesCame, eventsCame, liveStateCame, memberSelected, membersToldOf, pastCame, queriesCame } from './dashboard-state.ts'
import { byId, setText } from './elements.ts'
import { createFeedsView } from './feeds-view.ts'
import { createHeaderView } from './header-view.ts'
import { History } from './history.ts'
import { LiveStream } from './live-stream.ts'
import { createMapView } from './map-view.ts'
import { createMemberView } from './member-view.ts'
import { getLatency, getList, getLiveHistory } from './node-requests.ts'
import { createNodesView } from './nodes-view.ts'
import { databasesToAsk, pastOf } from './past.ts'
import { createQueryView } from './query-view.ts'
import { createSignIn } from './sign-in.ts'
import { Store, type View } from './store.ts'
import type { EventView } from '../../../wire/event-views.ts'
import type { AlertView, DatabaseView, QueryRecord } from '../../../wire/operations-views.ts'

const history = new History()
const signIn = createSignIn({ signedIn: () => stream.retryNow() })
const select = (peerId: string): void => store.change(memberSelected(peerId))
const views: View[] = [
  createHeaderView({ retryNow: () => stream.retryNow() }),
  createMapView({ select }),
  createMemberView({ unselect: () => store.change(memberSelected(null)) }),
  createNodesView({ select }),
  createFeedsView(),
  createQueryView({ signIn: () => signIn.open() }),
  (state, before) => {
    const said = announcement(state, before)
    if (said !== '') setText(byId('announcer'), said)
    if (state.connection.phase === 'signed-out' && before?.connection.phase !== 'signed-out') signIn.open()
  },
]
const store = new Store(views)

const stream = new LiveStream({
  state: (states) => {
    for (const live of states) history.add(live)
    const latest = states.at(-1)
    if (latest !== undefined) store.change(liveStateCame(latest))
  },
  mesh: (events) => {
    store.change(eventsCame(events))
    store.change(membersToldOf(events))
  },
  query: (queries) => store.change(queriesCame(queries)),
  alert: (alerts) => store.change(alertsCame(alerts)),
  connection: (connection) => store.change(connectionChanged(connection)),
  connected: () => void catchUp(),
})

/** What was before the stream. Each is a list that the page does without where the node does not tell it. */
async function catchUp(): Promise<void> {
  await Promise.allSettled([
    getList<QueryRecord>('/api/v1/routes?limit=50', 'queries').then((queries) => store.change(queriesCame(queries))),
    getList<EventView>('/api/v1/events', 'events').then((events) => store.change(eventsCame(events))),
    getList<AlertView>('/api/v1/alerts', 'alerts').then((alerts) => store.change(alertsCame(alerts))),
    getList<DatabaseView>('/api/v1/databases', 'databases').then(async (databases) => {
      store.change(databasesCame(databases))
      await catchUpCharts(databases)
    }),
  ])
}

/** A node of another version may tell a part of it, or nothing. */
async function catchUpCharts(databases: readonly DatabaseView[]): Promise<void> {
  const [own, latencies] = await Promise.all([Promise.allSettled([getLiveHistory()]), Promise.allSettled(databasesToAsk(databases).map(getLatency))])
  history.addPast(pastOf(fulfilled(own)[0] ?? null, fulfilled(latencies)))
  store.change(pastCame())
}

function fulfilled<T>(answers: ReadonlyArray<PromiseSettledResult<T>>): T[] {
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
}

void stream.run()
// The charts' library is the largest part and shows nothing before the second reading.
void import('./charts-view.ts').then(({ createChartsView }) => store.addView(createChartsView(history)))
