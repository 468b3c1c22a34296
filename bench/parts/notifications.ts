import { performance } from 'node:perf_hooks'
import { until } from '../../tools/stack/until.ts'
import { paced } from '../harness/paced.ts'
import { type Plan, sideBySide } from '../harness/plan.ts'
import { fetchAs, type SignedIn, signIn } from '../harness/readers.ts'
import type { Figures, PartReport, Round } from '../harness/report.ts'
import { openBareSockets, openStreams } from '../harness/sockets.ts'
import { spreadOf } from '../harness/timing.ts'
import { bareFetch, type World } from '../harness/world.ts'
import { addPeople, addTweets, personOf, settleTables } from '../seed/population.ts'

const SOCKETS = 500
/** One that this machine carries with its Postgres and its endpoint beside it, and the one that is promised. */
const RATES = [50, 200] as const
type Rate = (typeof RATES)[number]
const P99_MS_MAX = 100
const ARRIVED_WITHIN_MS = 30_000
const DAY_MS = 86_400_000

const KINDS = ['like', 'follow', 'mention', 'message'] as const
type Kind = (typeof KINDS)[number]

interface Person extends SignedIn {
  /** The tweet that others like. */
  tweetId: number
}

/** What is under way, by what its frame says: who did what to whom, each but once. */
interface Actions {
  begin(key: string): void
  note(key: string): void
  /** Waits until all of them have arrived, and answers how long each took from its request on. */
  took(keys: readonly string[]): Promise<number[]>
}

/** From an action's request to the frame on its recipient's socket, four kinds of action in turn. */
export async function notifications(world: World, plan: Plan): Promise<PartReport> {
  const people = await world.seeding(() => seed(world, plan.isQuick ? 20 : SOCKETS))
  const ours = newActions()
  const bare = newActions()
  const sockets = [
    ...(await openStreams(world, people, (data, index) => noteFrame(ours, data, index))),
    ...(await openBareSockets(world, people.length, (data) => bare.note(data))),
  ]
  const next = { action: 0, echo: 0 }
  const runs: Run[] = []
  try {
    const measure = async (run: Run) => {
      const keys = await paced(plan, run.rate, () => {
        const action = actionOf(people, next.action++)
        ours.begin(action.key)
        return { key: action.key, sent: perform(world, action) }
      })
      for (const kind of KINDS) {
        run.byKind[kind].push(spreadOf(await ours.took(keys.filter((key) => key.startsWith(kind)))))
      }
      return spreadOf(await ours.took(keys))
    }
    const measureBare = async ({ rate }: Run) => {
      const keys = await paced(plan, rate, () => {
        const key = `echo ${next.echo++}`
        bare.begin(key)
        const path = `/echo/${next.echo % people.length}`
        return { key, sent: bareFetch(world, path, { method: 'POST', body: key }) }
      })
      return spreadOf(await bare.took(keys))
    }
    for (const rate of RATES) {
      const warmUp = newRun(rate)
      await measure(warmUp)
      await measureBare(warmUp)
      const run = newRun(rate)
      run.rounds = await plan.profiling(() =>
        sideBySide(
          plan,
          () => measure(run),
          () => measureBare(run),
        ),
      )
      runs.push(run)
    }
    return report(people.length, runs, plan)
  } finally {
    for (const socket of sockets) socket.terminate()
  }
}

/** What was measured at one rate: all actions together, and each kind by itself. */
interface Run {
  rate: Rate
  rounds: Round[]
  byKind: Record<Kind, Figures[]>
}

function newRun(rate: Rate): Run {
  return { rate, rounds: [], byKind: { like: [], follow: [], mention: [], message: [] } }
}

function report(sockets: number, runs: readonly Run[], { isQuick }: Plan): PartReport {
  const promise: Figures = { p99_ms: P99_MS_MAX }
  return {
    part: 'notifications',
    title: `actions to the recipient's socket, ${sockets} sockets of each kind`,
    lines: runs.flatMap(({ rate, rounds, byKind }) => [
      {
        name: `${rate}/s, all of them`,
        bareName: 'an object that echoes to its socket',
        rounds,
        ratioOf: 'p99_ms' as const,
        target: null,
      },
      ...KINDS.map((kind) => ({
        name: `${rate}/s, ${kind}`,
        bareName: `${P99_MS_MAX} ms, the promise`,
        rounds: byKind[kind].map((measured) => ({ measured, bare: promise })),
        ratioOf: 'p99_ms' as const,
        target: isQuick ? null : { atMost: 1 },
      })),
    ]),
    notes: [
      'Through the database, the queue, three statements and the recipient’s object. Actions come at their time, however slow the earlier ones are.',
    ],
  }
}

async function seed({ pool }: World, count: number): Promise<Person[]> {
  await addPeople(pool, 0, count)
  const nowMs = Date.now()
  await addTweets(pool, {
    authors: { from: 0, count },
    count,
    fromMs: nowMs - DAY_MS,
    toMs: nowMs - DAY_MS / 2,
    series: 0,
  })
  await settleTables(pool)
  const { rows } = await pool.query<{ user_id: string; id: string }>(
    'select user_id, min(id) as id from tweets group by 1',
  )
  const tweets = new Map(rows.map(({ user_id, id }) => [Number(user_id), Number(id)]))
  const accounts = Array.from({ length: count }, (_, index) => personOf(index))
  return Promise.all(
    accounts.map(async (account) => ({ ...(await signIn(account)), tweetId: tweets.get(account.id) ?? 0 })),
  )
}

interface Action {
  kind: Kind
  key: string
  actor: Person
  recipient: Person
}

/** Kinds in turn; each pair of people does each thing once. */
function actionOf(people: readonly Person[], n: number): Action {
  const kind = KINDS[n % KINDS.length] ?? 'like'
  const turn = Math.floor(n / KINDS.length)
  const actorAt = turn % people.length
  const recipientAt = (actorAt + 1 + Math.floor(turn / people.length)) % people.length
  const [actor, recipient] = [people[actorAt], people[recipientAt]]
  if (actor === undefined || recipient === undefined || actor === recipient)
    throw new Error('There are too few people')
  return { kind, key: `${kind} ${actor.id} ${recipientAt}`, actor, recipient }
}

async function perform({ api }: World, { kind, actor, recipient }: Action): Promise<void> {
  const post = (path: string, body: object) =>
    fetchAs(api, actor, path, { method: 'POST', body: JSON.stringify(body) })
  switch (kind) {
    case 'like':
      return void (await post(`/api/tweets/${recipient.tweetId}/like`, {}))
    case 'follow':
      return void (await post(`/api/users/${recipient.id}/follow`, {}))
    case 'mention':
      return void (await post('/api/tweets', { content: `Look at this, @${recipient.username}` }))
    case 'message':
      return void (await post(`/api/messages/${recipient.id}`, { content: 'Are you there?' }))
  }
}

/** A message is shown to its sender, too: only the recipient's frame counts. */
function noteFrame(actions: Actions, text: string, index: number): void {
  const { type, data } = JSON.parse(text)
  if (type === 'notification') actions.note(`${data.type} ${data.actor.id} ${index}`)
  if (type === 'message') actions.note(`message ${data.sender_id} ${index}`)
}

function newActions(): Actions {
  const startedMs = new Map<string, number>()
  const tookMs = new Map<string, number>()
  return {
    begin(key) {
      startedMs.set(key, performance.now())
    },
    note(key) {
      const startMs = startedMs.get(key)
      if (startMs !== undefined && !tookMs.has(key)) tookMs.set(key, performance.now() - startMs)
    },
    async took(keys) {
      const all = await until(() => keys.every((key) => tookMs.has(key)), { withinMs: ARRIVED_WITHIN_MS })
      if (!all) throw new Error(`Never arrived: ${keys.filter((key) => !tookMs.has(key)).slice(0, 5)}`)
      return keys.map((key) => tookMs.get(key) ?? Number.NaN)
    },
  }
}
