import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ERASURE_PARTS, eraseAccountEvent, type OutboxRow } from '../../src/contracts/queues.ts'
import type { Db } from '../../src/db/client.ts'
import { connect } from '../../src/db/client.ts'
import { beginErasures } from '../../src/db/statements/account-erasure.ts'
import { insertBlock } from '../../src/db/statements/blocks.ts'
import { acceptRequests } from '../../src/db/statements/follow-requests.ts'
import { insertListMember } from '../../src/db/statements/list-members.ts'
import { commitCold } from '../../src/db/statements/timelines.ts'
import { updateProfile } from '../../src/db/statements/update-profile.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { bookmarkTweet } from '../../src/services/bookmark-tweet.ts'
import { closePolls } from '../../src/services/close-polls.ts'
import type { Deps } from '../../src/services/deps.ts'
import { eraseAccount, eraseDeactivated } from '../../src/services/erase-accounts.ts'
import { followUser } from '../../src/services/follow-user.ts'
import { likeTweet } from '../../src/services/like-tweet.ts'
import { retweetTweet } from '../../src/services/retweet-tweet.ts'
import { voteInPoll } from '../../src/services/vote-in-poll.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn, viewerOf } from './harness/deps.ts'
import { addPoll } from './harness/engagement.ts'
import {
  columnsWith,
  deactivatedLongAgo,
  LEFT_OF_ERASED,
  referencesToUsers,
  settleRest,
  takeErasureSteps,
} from './harness/erasure.ts'
import { addList } from './harness/lists.ts'
import { messagingIn, WRONG_CONVERSATIONS } from './harness/messages.ts'
import { consumeAll, unreadOf } from './harness/notifications.ts'
import { stepsOfAll } from './harness/plans.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet, publish } from './harness/tweets.ts'
import { WRONG_COUNTERS } from './harness/wrong-counters.ts'
import { WRONG_NOTIFICATIONS_AMONG } from './harness/wrong-notifications-among.ts'

let database: TestDatabase
let people: Community
let db: Db
let deps: Deps
const erased: UserId[] = []

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
  const world = depsOn(db)
  world.told.erased = erased
  deps = world.deps
})

afterAll(() => database.stop())

const sql = async (statement: string, values: unknown[] = []) =>
  (await database.pool.query<Record<string, unknown>>(statement, values)).rows

interface Scene {
  gone: UserId
  /** Who have followed, written to and liked each other and the one who goes. */
  friends: UserId[]
  /** A friend's tweet that the one who goes has answered, and two of that one's that friends have acted on. */
  answered: TweetId
  tweets: TweetId[]
}

/** Somebody with rows in every table that has rows of people. */
async function setScene(): Promise<Scene> {
  const [gone, a, b, c, blocking, blocked, muted, stranger] = await people.addUsers(8)
  if (!gone || !a || !b || !c || !blocking || !blocked || !muted || !stranger) throw new Error('Nobody')
  const shy = await people.addUser({ is_private: true })
  const viewer = viewerOf(gone)
  const friends = [a, b, c]
  const follow = (who: UserId, whom: UserId) =>
    followUser(deps, viewerOf(who), { ref: { id: whom }, claimedId: null })

  for (const friend of friends) await follow(friend, gone)
  for (const whom of [a, b, shy]) await follow(gone, whom)
  await people.add('follow_requests', stranger, gone)
  await insertBlock(db, gone, { id: blocked })
  await insertBlock(db, blocking, { id: gone })
  await people.add('mutes', gone, muted)
  await people.add('mutes', muted, gone)

  const [answered, retweeted] = [await addTweet(database.pool, a), await addTweet(database.pool, b)]
  await sql('update users set tweet_count = 1 where id = any($1)', [[a, b]])
  const first = await publish(db, gone, `to @user_${a - 1_000_000} about #one #two`)
  const reply = await publish(db, gone, 'a reply #one', { replyToId: answered })
  const quote = await publish(db, gone, 'a quote', { quoteTweetId: retweeted })
  const poll = await publish(db, gone, 'what?', {
    poll: { options: ['tea', 'coffee'], endsAtMs: Date.now() + 3_600_000 },
  })
  await publish(db, a, `@user_${gone - 1_000_000} an answer`, { replyToId: first })
  await publish(db, b, 'a quote of it #one', { quoteTweetId: first })
  for (const friend of friends) {
    for (const tweet of [first, reply]) {
      await likeTweet(deps, viewerOf(friend), tweet)
      await retweetTweet(deps, viewerOf(friend), tweet)
      await bookmarkTweet(deps, viewerOf(friend), tweet)
    }
    await voteInPoll(deps, viewerOf(friend), poll, 1)
  }
  for (const tweet of [answered, retweeted]) {
    await likeTweet(deps, viewer, tweet)
    await retweetTweet(deps, viewer, tweet)
    await bookmarkTweet(deps, viewer, tweet)
  }
  // And what only has the one, or the other.
  await retweetTweet(deps, viewerOf(a), quote)
  await bookmarkTweet(deps, viewerOf(b), poll)
  const question = await addPoll(database.pool, c)
  await sql('update users set tweet_count = 1 where id = $1', [c])
  await voteInPoll(deps, viewer, question, 0)

  const messaging = messagingIn(db, database.pool)
  for (const friend of friends) {
    for (let n = 0; n < 3; n++) {
      await messaging.sent(gone, friend)
      await messaging.sent(friend, gone)
    }
    await messaging.read(gone, friend)
  }
  await messaging.sent(stranger, gone)
  await messaging.decline(gone, stranger)
  await messaging.hide(stranger, gone, await messaging.sent(stranger, gone))
  await messaging.decline(gone, stranger)

  await addList(database.pool, gone, { members: friends })
  const theirs = await addList(database.pool, b, { members: [a] })
  await insertListMember(db, b, theirs, { id: gone })

  await addOwnRows(gone, a, answered)
  await consumeAll(database.pool, deps)
  return { gone, friends, answered, tweets: [first, reply, quote, poll] }
}

async function addOwnRows(user: UserId, other: UserId, tweet: TweetId): Promise<void> {
  const session = crypto.randomUUID()
  await sql(`insert into sessions (id, user_id, token_hash, expires_at) values ($2, $1, '', now())`, [
    user,
    session,
  ])
  await sql(
    `insert into push_subscriptions (user_id, session_id, endpoint, p256dh, auth) values ($1, $2, $3, '', '')`,
    [user, session, `https://push.example/${session}`],
  )
  await sql(`insert into muted_words (user_id, phrase, folded) values ($1, 'x', 'x'), ($1, 'y', 'y')`, [user])
  await sql('insert into muted_conversations (user_id, conversation_id) values ($1, $2)', [user, tweet])
  await sql('insert into dismissed_recommendations values ($1, $2), ($2, $1)', [user, other])
  await sql(
    `insert into idempotency_keys (user_id, key, request_hash, result_id) values ($1, 'key', '', $2)`,
    [user, tweet],
  )
  await sql(`insert into home_markers values ($1, 1, now())`, [user])
  await sql(`insert into timelines (user_id, epoch) values ($1, 1)`, [user])
  await sql(`insert into pulled_authors (user_id) values ($1)`, [user])
  await sql(`insert into exports (id, user_id) values ($2, $1)`, [user, crypto.randomUUID()])
  await deps.archives.write(`exports/${user}/one.zip`, new Blob(['all']).stream())
}

/** Erases all that is owed to be, and does what is owed besides. */
async function finish(): Promise<void> {
  while ((await takeErasureSteps(database.pool, deps, 200)) > 0);
  await settleRest(database.pool, deps)
}

const WRONG_LISTS = `
  select id from lists l where member_count <> (select count(*) from list_members m where m.list_id = l.id)`

async function expectErased({ gone, friends, answered, tweets }: Scene): Promise<void> {
  expect(await columnsWith(database.pool, gone)).toEqual(LEFT_OF_ERASED)
  // Search has its own consumer, which reads what holds.
  expect(await sql(`select message from outbox where queue <> 'search'`)).toEqual([])
  expect(await deps.archives.list(`exports/${gone}/`)).toEqual([])
  expect(await sql(WRONG_COUNTERS)).toEqual([])
  expect(await sql(WRONG_CONVERSATIONS)).toEqual([])
  expect(await sql(WRONG_LISTS)).toEqual([])
  expect(await sql(WRONG_NOTIFICATIONS_AMONG, [friends])).toEqual([])
  expect(await sql('select from direct_messages where $1 in (sender_id, receiver_id)', [gone])).toEqual([])
  expect(
    await sql('select like_count, retweet_count, reply_count from tweets where id = $1', [answered]),
  ).toEqual([{ like_count: 0, retweet_count: 0, reply_count: 0 }])
  expect(
    await sql(
      `select distinct content, entities, is_deleted, erased_at is not null as is_erased from tweets where id = any($1)`,
      [tweets],
    ),
  ).toEqual([
    { content: '', entities: { hashtags: [], mentions: [], urls: [] }, is_deleted: true, is_erased: true },
  ])
  expect(await sql(`select from poll_options where tweet_id = any($1) and text <> ''`, [tweets])).toEqual([])
  for (const table of ['retweets', 'bookmarks', 'notifications']) {
    expect(await sql(`select from ${table} where tweet_id = any($1)`, [tweets])).toEqual([])
  }
  const [row] = await sql('select * from users where id = $1', [gone])
  expect(row).toMatchObject({
    username: `~${gone}`,
    email: `~${gone}`,
    password_hash: '',
    display_name: '',
    is_active: false,
    deactivated_at: null,
    follower_count: 0,
    following_count: 0,
    tweet_count: 0,
  })
}

class Killed extends Error {}

/** The world of one that is killed in its nth transaction: before it, or after its commit. */
function dyingIn(nth: number, when: 'before' | 'after'): Deps {
  let begun = 0
  const mortal = new Proxy(db, {
    get(target, name) {
      if (name !== 'batch') return Reflect.get(target, name)
      return async (statements: Parameters<Db['batch']>[0]) => {
        begun += 1
        if (begun > nth) throw new Killed()
        const isLast = begun === nth
        if (isLast && when === 'before') throw new Killed()
        const result = await target.batch(statements)
        if (isLast) throw new Killed()
        return result
      }
    },
  })
  return { ...deps, db: mortal }
}

describe('an account that is erased', () => {
  it('leaves nothing but an empty row, and all that others have is as if it had been taken back', async () => {
    const scene = await setScene()
    const { gone, friends } = scene
    const references = await referencesToUsers(database.pool)
    expect(references.filter((name) => name.startsWith('follows'))).toEqual([
      'follows.follower_id',
      'follows.following_id',
    ])
    expect(await columnsWith(database.pool, gone)).toEqual(expect.arrayContaining(references))
    const [friend = gone] = friends
    expect(await unreadOf(database.pool, friend)).toBeGreaterThan(0)

    await deactivatedLongAgo(database.pool, gone)
    expect(await eraseDeactivated(deps)).toBe(1)
    await finish()
    await expectErased(scene)
    expect(erased).toEqual([gone])
    expect(await eraseDeactivated(deps)).toBe(0)

    // Nor is anything made again: by a poll that it voted in, or by a timeline that goes cold.
    await sql('update polls set ends_at = now()')
    await closePolls(deps)
    await consumeAll(database.pool, deps)
    await commitCold(db, gone, 1, { lastReadId: 1, updatedAtMs: 1 })
    expect(await columnsWith(database.pool, gone)).toEqual(LEFT_OF_ERASED)
  })

  it('goes on where it has come to, whatever comes late', async () => {
    const { gone } = await setScene()
    await deactivatedLongAgo(database.pool, gone)
    const [owed] = await beginErasures(db, 10)
    const first = { outbox_id: owed?.id ?? 0, event: eraseAccountEvent.parse(owed?.message) }
    const partOwed = () =>
      sql(`select message ->> 'part' as part from outbox where id = $1`, [first.outbox_id])
    for (let step = 0; step < 6; step++) await takeErasureSteps(database.pool, deps, 1)
    expect(await partOwed()).toEqual([{ part: 'followees' }])
    await eraseAccount(dyingIn(1, 'after'), first, 1).catch(() => {})
    expect(await partOwed()).toEqual([{ part: 'followees' }])
    await finish()
  })

  it('goes on once, however often a message of it comes', async () => {
    const { gone } = await setScene()
    await deactivatedLongAgo(database.pool, gone)
    const [owed] = await beginErasures(db, 10)
    const outboxId = owed?.id ?? 0
    const sent: OutboxRow[] = []
    const queues = {
      ...deps.queues,
      sendOutbox: async (rows: readonly OutboxRow[]) => void sent.push(...rows),
    }
    const nextOf = async (message: unknown) => {
      sent.splice(0)
      const event = eraseAccountEvent.parse(message)
      await eraseAccount({ ...deps, queues }, { outbox_id: outboxId, event }, 1)
      return sent.filter(({ id }) => id === outboxId).map((row) => row.message)
    }
    const [second] = await nextOf(owed?.message)
    expect(second).toMatchObject({ part: 'follow_requests' })
    const [third] = await nextOf(second)
    // What was done comes late, and names the part that is still being erased.
    expect(third).toMatchObject({ part: 'follow_requests' })
    expect([await nextOf(owed?.message), await nextOf(second)]).toEqual([[], []])
    expect(await nextOf(third)).toHaveLength(1)
    await finish()
  })

  it('follows nobody whom it had asked and who is public from now on', async () => {
    const [gone, left] = [await people.addUser(), await people.addUser()]
    await deactivatedLongAgo(database.pool, gone)
    await beginErasures(db, 10)
    await sql('update users set is_active = false, deactivated_at = now() where id = $1', [left])
    for (const acceptedAtOnce of [10, 0]) {
      const owner = await people.addUser({ is_private: true })
      await people.add('follow_requests', gone, owner)
      await people.add('follow_requests', left, owner)
      await updateProfile(db, owner, { is_private: false }, acceptedAtOnce)
      const [later] = await sql(`select id::int from outbox where message ->> 'type' = 'accept_requests'`)
      if (later !== undefined) await acceptRequests(db, Number(later.id), owner, [gone, left])
      expect(
        await sql('select follower_id::int as id from follows where following_id = $1', [owner]),
      ).toEqual([{ id: left }])
      expect(await sql('select from follow_requests where target_id = $1', [owner])).toEqual([])
    }
    await finish()
  })

  it('is followed by nobody whose request is accepted between two of its steps', async () => {
    const [gone, follower, followee, late] = await people.addUsers(4)
    if (!gone || !follower || !followee || !late) throw new Error('Nobody')
    await followUser(deps, viewerOf(follower), { ref: { id: gone }, claimedId: null })
    await followUser(deps, viewerOf(gone), { ref: { id: followee }, claimedId: null })
    await people.add('follow_requests', late, gone)
    await deactivatedLongAgo(database.pool, gone)
    await beginErasures(db, 10)
    for (let steps = 0; steps < 2; steps++) await takeErasureSteps(database.pool, deps, 1)
    await acceptRequests(db, 1, gone, [late])
    await finish()
    expect(await sql('select from follows where $1 in (follower_id, following_id)', [gone])).toEqual([])
  })

  it('is erased step by step, however often steps are killed, come again, or run at once', async () => {
    const scene = await setScene()
    await deactivatedLongAgo(database.pool, scene.gone)
    await eraseDeactivated(deps)
    let kills = 0
    for (let round = 0; ; round++) {
      if (round > 300) throw new Error('Still owed')
      const world = round % 3 === 0 ? deps : dyingIn(1 + (round % 5), round % 2 === 0 ? 'before' : 'after')
      const left = await takeErasureSteps(database.pool, world, 1 + (round % 2), 1 + (round % 3)).catch(
        () => {
          kills += 1
          return 1
        },
      )
      if (left === 0) break
    }
    expect(kills).toBeGreaterThan(10)
    await settleRest(database.pool, deps)
    await expectErased(scene)
  })

  it('is let be for as long as an operator stops it', async () => {
    const scene = await setScene()
    await deactivatedLongAgo(database.pool, scene.gone)
    const [owed] = await beginErasures(db, 10)
    await sql('update outbox set dead_at = now() where id = $1', [owed?.id])
    // One was under way: it is the last.
    await eraseAccount(deps, { outbox_id: owed?.id ?? 0, event: eraseAccountEvent.parse(owed?.message) }, 1)
    expect(await sql('select from follows where following_id = $1', [scene.gone])).toHaveLength(3)
    await sql('update outbox set dead_at = null where id = $1', [owed?.id])
    await finish()
    await expectErased(scene)
  })

  it('costs a step what it takes, however much there is', async () => {
    const user = await people.addUser()
    await sql(
      `with others as (
         insert into users (id, username, email, password_hash, display_name)
         select 2000000 + n, 'many_' || n, 'many_' || n, '', '' from generate_series(1, 6000) n returning id
       ), following as (
         insert into follows (follower_id, following_id) select id, $1::bigint from others
       ), followed as (
         insert into follows (follower_id, following_id) select $1::bigint, id from others
       ), asking as (
         insert into follow_requests (requester_id, target_id) select $1::bigint, id from others
       ), blocking as (
         insert into blocks (blocker_id, blocked_id) select id, $1::bigint from others
       ), owned as (
         insert into lists (owner_id, name, member_count) select id, 'x', 1 from others returning id
       ), listed as (
         insert into list_members (list_id, user_id) select id, $1::bigint from owned
       ), liking as (
         insert into likes (user_id, tweet_id) select $1::bigint, id from others
       ), marking as (
         insert into bookmarks (user_id, tweet_id) select $1::bigint, id from others
       ), repeating as (
         insert into retweets (id, user_id, tweet_id) select id, $1::bigint, id from others
       ), telling as (
         insert into notifications (user_id, actor_id, type) select $1::bigint, id, 'follow' from others
       ), writing as (
         insert into direct_messages (sender_id, receiver_id, content)
         select $1::bigint, id, '' from others union all select id, $1::bigint, '' from others
       ), conversing as (
         insert into conversations (user_id, other_id, is_accepted)
         select $1::bigint, id, true from others union all select id, $1::bigint, true from others
       )
       insert into tweets (id, user_id, content, entities, conversation_id, nonce)
       select $2::bigint - 4096 * 100000 - n, $1, '', '{}', 1, gen_random_uuid() from generate_series(1, 6000) n`,
      [user, await addTweet(database.pool, user)],
    )
    await sql('vacuum analyze')
    const large = (await sql(`select relname from pg_class where relkind = 'r' and reltuples > 5000`)).map(
      ({ relname }) => relname,
    )
    expect(large).toEqual(
      expect.arrayContaining(['users', 'follows', 'likes', 'direct_messages', 'list_members']),
    )
    await deactivatedLongAgo(database.pool, user)
    const [owed] = await beginErasures(db, 1)
    const event = eraseAccountEvent.parse(owed?.message)
    for (const part of ERASURE_PARTS) {
      await sql('update outbox set message = message || $1 where id = $2', [{ part, nth: 0 }, owed?.id])
      const steps = await stepsOfAll(database.pool, () =>
        eraseAccount(deps, { outbox_id: owed?.id ?? 0, event: { ...event, part } }, 10),
      )
      const scanned = steps.flatMap(({ type, relation }) =>
        type === 'Seq Scan' && large.includes(relation) ? [relation] : [],
      )
      expect([part, scanned]).toEqual([part, []])
    }
  })
})
