import { type SQL, sql } from 'drizzle-orm'
import { vi } from 'vitest'
import type { OutboxRow, PushMessage } from '../../src/contracts/queues.ts'
import { tellSearchOfPresence } from '../../src/db/statements/sessions.ts'
import { deliverPushes } from '../../src/queues/push-deliveries.ts'
import { editTweet } from '../../src/services/edit-tweet.ts'
import { publishTweet } from '../../src/services/publish-tweet.ts'
import { rankTrends } from '../../src/services/rank-trends.ts'
import { retweetTweet } from '../../src/services/retweet-tweet.ts'
import { sendMessage } from '../../src/services/send-message.ts'
import { sweepLedger } from '../../src/services/sweep-ledger.ts'
import { type BrowserSubscription, stateOfBrowser } from '../runtime/browsers.ts'
import { bodyOf, fanOutBodies, runFanOut, runNotifications, runSearchIndex } from '../runtime/consumers.ts'
import { rows, testDeps } from '../runtime/harness.ts'
import { askAs, done, Listener } from './asking.ts'
import type { State } from './cells.ts'
import { type Author, of, post, READERS, type World } from './world.ts'

const DRAFT = { isSensitive: false, idempotencyKey: null, replyToId: null, quoteTweetId: null, poll: null }

/** Tells search all that it is owed, as its consumer does. */
async function tellSearch(): Promise<void> {
  for (;;) {
    const owed = await rows<OutboxRow>(sql`
      select id::float8 as id, queue, message from outbox where queue = 'search' order by id limit 100`)
    if (owed.length === 0) return
    await runSearchIndex(owed.map(bodyOf))
  }
}

/** Counts and ranks what trends, as of two minutes later: nothing is put off any more. */
async function rank(): Promise<void> {
  const later = testDeps({ now: () => Date.now() + 120_000 })
  while ((await sweepLedger(later)) > 0);
  await rows(sql`update trend_marks set due_at = now() - interval '1 second'`)
  await rankTrends(later)
}

/** Everything that is owed is done, but for what is held back; and trends are as they then are. */
export async function untilDone(held: readonly OutboxRow[] = []): Promise<void> {
  const ids = JSON.stringify(held.map(({ id }) => id))
  const owed = sql`
    select message from outbox where not ${ids}::jsonb @> to_jsonb(id) order by id limit 1`
  await vi.waitFor(
    async () => {
      await tellSearch()
      const [row] = await rows<{ message: object }>(owed)
      if (row !== undefined) throw new Error(`Still owed: ${JSON.stringify(row.message)}`)
    },
    { timeout: 60_000, interval: 50 },
  )
  await rank()
}

/** What authors do just before the change, and what consumers do only after it. */
export async function hold(world: World): Promise<void> {
  const { authors, readers } = world
  const deps = testDeps()
  const names = [...readers.values()].map(({ username }) => `@${username}`).join(' ')
  for (const author of authors.values()) {
    const { person } = author
    const late = await publishTweet(deps, person, { ...DRAFT, content: `${author.word('late')} ${names}` })
    author.tweets.set('late', late.id as ReturnType<Author['idOf']>)
    await retweetTweet(deps, person, of(world.pleas, author.state).late)
    await editTweet(deps, person, { id: author.idOf('tweet'), content: author.word('edited') })
    for (const receiver of readers.values()) {
      const content = `${author.message}late`
      await sendMessage(deps, person, { receiver: { id: receiver.id }, content, idempotencyKey: null })
    }
  }
  await deps.settled()
  world.held.push(...deps.sent.filter(({ queue }) => queue !== 'search'))
}

/** Readers come to stand as they do to each author, and then each author, or what they wrote, comes to its state. */
export async function change({ authors, stars, readers }: World): Promise<void> {
  const everybody = [...authors.values(), ...stars.values()]
  await Promise.all(
    everybody.map(async ({ person }) => {
      const to = (name: string) => `/api/users/${person.id}/${name}`
      await done(of(readers, 'muting'), { method: 'POST', path: to('mute') })
      await done(of(readers, 'blocking'), { method: 'POST', path: to('block') })
      const { id } = of(readers, 'blocked')
      await done(person, { method: 'POST', path: `/api/users/${id}/block` })
    }),
  )
  await Promise.all(everybody.map((author) => CHANGES[author.state](author)))
  await Promise.all(
    everybody.map(async ({ person, state }) => {
      const pending = of(readers, 'pending')
      if (state === 'private') {
        await done(pending, { method: 'POST', path: `/api/users/${person.id}/follow` })
      } else {
        await rows(
          sql`insert into follow_requests (requester_id, target_id) values (${pending.id}, ${person.id})`,
        )
      }
    }),
  )
}

/** Search is told of it as of whatever changes who is there. */
async function setUser({ person }: Author, columns: SQL): Promise<void> {
  await rows(sql`
    with gone as (
      update users set ${columns}, revision = revision + 1 where id = ${person.id} returning id, revision
    )
    ${tellSearchOfPresence('gone')}`)
}

/** Nobody asks to follow whom they cannot see: such a request is older than the change. */
const CHANGES: Record<State, (author: Author) => Promise<unknown>> = {
  public: async () => {},
  private: ({ person }) =>
    done(person, { method: 'PUT', path: `/api/users/${person.id}`, body: { is_private: true } }),
  deleted: async ({ person }) => {
    const tweets = await rows<{ id: number }>(sql`
      select id::float8 as id from tweets where user_id = ${person.id} and not is_deleted`)
    await Promise.all(tweets.map(({ id }) => askAs(person, { method: 'DELETE', path: `/api/tweets/${id}` })))
  },
  deactivated: (author) => setUser(author, sql`is_active = false, deactivated_at = now()`),
  suspended: (author) => setUser(author, sql`suspended_at = now()`),
}

/** Requests of authors to follow readers, which are older than what else is between them. */
export async function askToFollow({ authors, readers }: World): Promise<void> {
  for (const { person } of authors.values()) {
    for (const relation of READERS) {
      await rows(sql`
        insert into follow_requests (requester_id, target_id) values (${person.id}, ${of(readers, relation).id})`)
    }
  }
}

/** What happens after the change, with everybody's sockets open: `seqs` says where those resume that were away. */
export async function goOn(world: World, seqs: ReadonlyMap<number, string>): Promise<void> {
  const { authors, bystander } = world
  for (const [id, texts] of await resume(world, seqs)) world.resumed.set(id, texts)
  const listeners = await listen(world)
  await Promise.all(
    [of(authors, 'public'), of(authors, 'private')].map(async (author) => {
      const live = await author.post('live')
      const body = { content: author.word('liveedit') }
      await done(author.person, { method: 'PUT', path: `/api/tweets/${author.idOf('draft')}`, body })
      if (author.state === 'public') {
        await done(bystander, { method: 'POST', path: `/api/tweets/${live}/retweet` })
        await post(bystander, { content: 'Live', quote_tweet_id: live })
      }
    }),
  )
  await runHeld(world)
  await untilDone()
  for (const [id, listener] of listeners) {
    await listener.settled()
    world.live.set(id, listener.texts.join('\n'))
    listener.close()
  }
}

async function runHeld({ held }: World): Promise<void> {
  const tellings = held.filter(({ queue }) => queue === 'notifications').map(bodyOf)
  const verdicts = [await runFanOut(fanOutBodies(held)), await runNotifications(tellings)]
  if (verdicts.some(({ retried }) => retried.length > 0)) throw new Error('A message is to come again')
}

async function listen(
  { authors, readers }: World,
  seqs: ReadonlyMap<number, string> = new Map(),
): Promise<Map<number, Listener>> {
  const listeners = new Map<number, Listener>()
  const people = [...readers.values(), ...[...authors.values()].map(({ person }) => person)]
  await Promise.all(
    people.map(async (person) => {
      const listener = await Listener.open(person, seqs.get(person.id))
      if (listener === null) return
      await listener.settled()
      listeners.set(person.id, listener)
    }),
  )
  return listeners
}

/** What each was told of what they had missed. */
async function resume(world: World, seqs: ReadonlyMap<number, string>): Promise<Map<number, string>> {
  const told = new Map<number, string>()
  for (const [id, listener] of await listen(world, seqs)) {
    told.set(id, listener.texts.join('\n'))
    listener.close()
  }
  return told
}

/** Pushes to each reader all that they were ever told, as if it were owed only now. */
export async function push(
  { readers, pushed }: World,
  browsers: ReadonlyMap<number, BrowserSubscription>,
): Promise<void> {
  for (const { id } of readers.values()) {
    const before = (await stateOfBrowser(of(browsers, id))).received.length
    const owed = await rows<PushMessage>(sql`
      with told as (
        select 'notification' as "of", id from notifications where user_id = ${id}
        union all
        select 'message', id from direct_messages where receiver_id = ${id}
      ), owed as (
        insert into outbox (queue, message, next_attempt_at)
        select 'pushes', jsonb_build_object('type', 'push', 'v', 1, 'user_id', ${id}::bigint, 'of', "of", 'id', id),
               now() + interval '1 day'
        from told
        returning id, message
      )
      select id::float8 as outbox_id, message as event from owed`)
    await deliverPushes(testDeps(), owed)
    const { received } = await stateOfBrowser(of(browsers, id))
    pushed.set(id, JSON.stringify(received.slice(before)))
    await rows(sql`delete from outbox where queue = 'pushes'`)
  }
}
