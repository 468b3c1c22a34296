import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { engagementMessage } from '../../src/contracts/queues.ts'
import { connect, type Db } from '../../src/db/client.ts'
import { deactivateAccount } from '../../src/db/statements/accounts.ts'
import { insertListMember } from '../../src/db/statements/list-members.ts'
import { insertSession } from '../../src/db/statements/sessions.ts'
import { AppError } from '../../src/domain/errors.ts'
import type { ListId, TweetId, UserId } from '../../src/domain/ids.ts'
import { acceptPendingRequests } from '../../src/services/accept-pending-requests.ts'
import { acceptFollowRequest, rejectFollowRequest } from '../../src/services/answer-follow-request.ts'
import { blockUser, unblockUser } from '../../src/services/block-user.ts'
import type { Deps } from '../../src/services/deps.ts'
import { eraseDeactivated } from '../../src/services/erase-accounts.ts'
import { followUser } from '../../src/services/follow-user.ts'
import { likeTweet } from '../../src/services/like-tweet.ts'
import { muteUser, unmuteUser } from '../../src/services/mute-user.ts'
import { publishTweet } from '../../src/services/publish-tweet.ts'
import { retweetTweet } from '../../src/services/retweet-tweet.ts'
import { settleFollow } from '../../src/services/settle-follow.ts'
import { sweepLedger } from '../../src/services/sweep-ledger.ts'
import { unfollowUser } from '../../src/services/unfollow-user.ts'
import { updateProfile } from '../../src/services/update-profile.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn, viewerOf } from './harness/deps.ts'
import { columnsWith, deactivatedLongAgo, LEFT_OF_ERASED, takeErasureSteps } from './harness/erasure.ts'
import { addList } from './harness/lists.ts'
import { messagingIn, WRONG_CONVERSATIONS } from './harness/messages.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { WRONG_COUNTERS } from './harness/wrong-counters.ts'

const USERS = 5
const TIMEOUT_MS = 120_000

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const action = fc.record({
  type: fc.constantFrom(
    ...([
      'follow',
      'follow',
      'follow',
      'unfollow',
      'accept',
      'accept',
      'reject',
      'block',
      'unblock',
    ] as const),
    ...(['unblock', 'mute', 'unmute', 'silence', 'open', 'close', 'step'] as const),
    ...(['deactivate', 'return', 'return', 'post', 'answer', 'like', 'retweet', 'write', 'enlist'] as const),
  ),
  who: fc.nat(USERS - 1),
  whom: fc.nat(USERS - 1),
})
type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never

interface Scene {
  deps: Deps
  users: UserId[]
  /** One of each user. */
  lists: ListId[]
  /** Grows with what is posted. */
  tweets: TweetId[]
}

async function newScene(): Promise<Scene> {
  const { deps } = depsOn(db)
  const users = await people.addUsers(USERS)
  const lists = await Promise.all(users.map((user) => addList(database.pool, user)))
  const ample = { ...deps.settings, tweetsPer3Hours: 1_000_000 }
  return { deps: { ...deps, settings: ample }, users, lists, tweets: [] }
}

const plain = { isSensitive: false, replyToId: null, quoteTweetId: null, poll: null, idempotencyKey: null }
/** That of all users here. */
const PASSWORD_HASH = ''

async function act(scene: Scene, { type, who, whom }: Action): Promise<unknown> {
  const { deps, users, tweets } = scene
  const [user, other, list] = [users[who], users[whom], scene.lists[who]]
  if (user === undefined || other === undefined || list === undefined) throw new Error('Nobody')
  const tweet = tweets[whom % tweets.length] ?? null
  const viewer = viewerOf(user)
  const ref = { id: other }
  switch (type) {
    case 'follow':
      return followUser(deps, viewer, { ref, claimedId: null })
    case 'unfollow':
      return unfollowUser(deps, viewer, { ref, claimedId: null })
    case 'accept':
      return acceptFollowRequest(deps, viewer, ref)
    case 'reject':
      return rejectFollowRequest(deps, viewer, ref)
    case 'block':
      return blockUser(deps, viewer, ref)
    case 'unblock':
      return unblockUser(deps, viewer, ref)
    case 'mute':
      return muteUser(deps, viewer, ref, null)
    case 'unmute':
      return unmuteUser(deps, viewer, ref)
    case 'silence':
      return settleFollow(deps, viewer, ref, { show_retweets: Math.random() < 0.5 })
    case 'open':
    case 'close':
      return updateProfile(
        deps,
        viewer,
        { id: user },
        { is_private: type === 'close' },
        Math.floor(Math.random() * 3),
      )
    case 'step':
      return acceptOwed(deps)
    case 'deactivate':
      return deactivateAccount(db, user, PASSWORD_HASH)
    case 'return':
      return insertSession(db, user, PASSWORD_HASH, { id: crypto.randomUUID(), tokenHash: '', userAgent: '' })
    case 'post':
    case 'answer': {
      const replyToId = type === 'answer' ? tweet : null
      const { id } = await publishTweet(deps, viewer, { ...plain, content: `${type} #graph`, replyToId })
      return tweets.push(id as TweetId)
    }
    case 'like':
      return tweet !== null && likeTweet(deps, viewer, tweet)
    case 'retweet':
      return tweet !== null && retweetTweet(deps, viewer, tweet)
    case 'write':
      return messagingIn(db, database.pool).send(user, other)
    case 'enlist':
      return insertListMember(db, user, list, ref)
  }
}

/** A step, of one request, of all that is owed to accounts that were made public. Answers how many there were. */
async function acceptOwed(deps: Deps): Promise<number> {
  const { rows } = await database.pool.query<{ outbox_id: number; event: unknown }>(
    `select id::float8 as outbox_id, message as event from outbox
     where queue = 'engagement' and message ->> 'type' = 'accept_requests' order by id`,
  )
  for (const row of rows) {
    const message = engagementMessage.parse(row)
    if (!('event' in message) || message.event.type !== 'accept_requests') continue
    await acceptPendingRequests(deps, { outbox_id: message.outbox_id, event: message.event }, 1)
  }
  return rows.length
}

/** What must never be, in one statement each. */
const BROKEN = {
  'a follow across a block': `
    select from follows f join blocks b
      on (b.blocker_id, b.blocked_id) in ((f.follower_id, f.following_id), (f.following_id, f.follower_id))`,
  'a request across a block': `
    select from follow_requests r join blocks b
      on (b.blocker_id, b.blocked_id) in ((r.requester_id, r.target_id), (r.target_id, r.requester_id))`,
  'a request of one who follows': `
    select from follow_requests r join follows f on f.follower_id = r.requester_id and f.following_id = r.target_id`,
  'a request to a public account': `
    select from follow_requests r join users u on u.id = r.target_id where not u.is_private`,
  'a version of a graph that was told for two changes': `
    select (message ->> 'follower_id'), (message ->> 'graph_version'), (message ->> 'followee_id')
    from outbox where message ->> 'type' in ('follow_changed', 'retweets_wanted') and queue = 'fan-out'
    group by 1, 2, 3 having count(*) > 1`,
  'a version that nobody has come to': `
    select from outbox o join users u on u.id = coalesce(o.message ->> 'user_id', o.message ->> 'follower_id')::bigint
    where o.queue = 'fan-out' and (o.message ->> 'graph_version')::bigint > u.graph_version`,
  'somebody on a list across a block': `
    select from list_members m join lists l on l.id = m.list_id join blocks b
      on (b.blocker_id, b.blocked_id) in ((l.owner_id, m.user_id), (m.user_id, l.owner_id))`,
  'a list that does not count its members': `
    select from lists l where member_count <> (select count(*) from list_members m where m.list_id = l.id)`,
  'a conversation that does not count its messages': WRONG_CONVERSATIONS,
  'a conversation that only one of the two has': `
    select from conversations c
    where not exists (select from conversations d where d.user_id = c.other_id and d.other_id = c.user_id)`,
  'an account that is neither active, nor deactivated, nor erased': `
    select from users where is_active = (deactivated_at is not null) and not starts_with(username, '~')`,
  // Who was erased has no timeline that could be told.
  'a follow that the newest message does not say': `
    select from (
      select distinct on (1, 2) (message ->> 'follower_id')::bigint as follower, (message ->> 'followee_id')::bigint as followee,
             (message ->> 'following')::boolean as following
      from outbox where queue = 'fan-out' and message ->> 'type' = 'follow_changed'
      order by 1, 2, (message ->> 'graph_version')::bigint desc) told
    join users u on u.id = told.follower and not starts_with(u.username, '~')
    where told.following <> exists (
      select from follows f where f.follower_id = told.follower and f.following_id = told.followee)`,
  'a block or a mute that the newest message does not say': `
    select from (
      select distinct on (1, 2, 3) (message ->> 'user_id')::bigint as one, (message ->> 'other_id')::bigint as other,
             message ->> 'reason' as reason, (message ->> 'dropped')::boolean as dropped
      from outbox where queue = 'fan-out' and message ->> 'type' = 'drop_changed'
      order by 1, 2, 3, (message ->> 'graph_version')::bigint desc) told
    join users u on u.id = told.one and not starts_with(u.username, '~')
    where told.dropped <> case told.reason
      when 'mute' then exists (select from mutes where muter_id = one and muted_id = other)
      when 'block' then exists (select from blocks where blocker_id = one and blocked_id = other)
      else exists (select from blocks where blocker_id = other and blocked_id = one) end`,
}

const actions = fc.array(action, { minLength: 30, maxLength: 60 })

/** Eight at a time. An action may be refused for what others did; it may not fail. */
async function doAll(scene: Scene, all: readonly Action[]): Promise<void> {
  const queue = all.values()
  const worker = async () => {
    for (const one of queue) {
      await act(scene, one).catch((error: unknown) => {
        if (!(error instanceof AppError)) throw error
      })
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
}

async function deactivatedAmong(users: readonly UserId[]): Promise<UserId[]> {
  const { rows } = await database.pool.query<{ id: UserId }>(
    'select id::float8 as id from users where id = any($1) and deactivated_at is not null order by id',
    [users],
  )
  return rows.map(({ id }) => id)
}

/** Two deliveries of each step at once. */
async function eraseAll(deps: Deps): Promise<void> {
  for (let round = 0; (await takeErasureSteps(database.pool, deps, 2, 2)) > 0; round++)
    if (round > 200) throw new Error('Still to be erased')
}

it(
  'whatever several people do at once, the graph’s rules hold, its messages say what is so, and counters equal rows',
  async () => {
    let erasures = 0
    await fc.assert(
      fc.asyncProperty(actions, actions, async (before, meanwhile) => {
        await database.pool.query('truncate outbox')
        const scene = await newScene()
        await doAll(scene, before)
        const gone = await deactivatedAmong(scene.users)
        for (const user of gone) await deactivatedLongAgo(database.pool, user)
        await eraseDeactivated(scene.deps)
        await Promise.all([doAll(scene, meanwhile), eraseAll(scene.deps)])
        for (let round = 0; (await acceptOwed(scene.deps)) > 0; round++)
          if (round > 50) throw new Error('Still owed')
        for (const [what, statement] of Object.entries(BROKEN)) {
          expect([what, (await database.pool.query(statement)).rowCount]).toEqual([what, 0])
        }
        while ((await sweepLedger(scene.deps)) > 0);
        expect((await database.pool.query(WRONG_COUNTERS)).rows).toEqual([])
        for (const user of gone) {
          const left = await columnsWith(database.pool, user)
          expect(LEFT_OF_ERASED).toEqual(expect.arrayContaining(left))
        }
        erasures += gone.length
      }),
      { numRuns: 15 },
    )
    expect(erasures).toBeGreaterThan(0)
  },
  TIMEOUT_MS,
)
