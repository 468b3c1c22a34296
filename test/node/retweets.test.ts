import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FLAG_LIKED, FLAG_RETWEETED } from '../../src/contracts/tweet-json.ts'
import { connect, type Db } from '../../src/db/client.ts'
import { insertEngagement } from '../../src/db/statements/engagement.ts'
import { deleteRetweet, insertRetweet } from '../../src/db/statements/retweets.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { retweetTweet, undoRetweet } from '../../src/services/retweet-tweet.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn, viewerOf } from './harness/deps.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { AMPLE_LIKES, countOf, eventsOf, newEntryId } from './harness/engagement.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const retweet = (viewer: UserId, tweet: TweetId, id = newEntryId(viewer)) =>
  insertRetweet(db, viewer, tweet, id)
const undo = (viewer: UserId, tweet: TweetId) => deleteRetweet(db, viewer, tweet)
const count = (tweet: TweetId) => countOf(database.pool, tweet, 'retweet_count')
const events = (viewer: UserId, tweet: TweetId) => eventsOf(database.pool, viewer, tweet)

async function entriesOf(tweet: TweetId): Promise<number[]> {
  const { rows } = await database.pool.query<{ id: number }>(
    'select id::float8 as id from retweets where tweet_id = $1 order by id',
    [tweet],
  )
  return rows.map(({ id }) => id)
}

/** What a retweet of another's tweet owes, and what its undoing does. */
const RETWEETED = ['tweet_retweeted', 'flags_changed', 'retweet_changed']
const UNDONE = ['retweet_undone', 'flags_changed', 'retweet_changed']

const scene = async (columns: Record<string, unknown> = {}) => {
  const [viewer, author] = [await people.addUser(), await people.addUser()]
  return { viewer, author, tweet: await addTweet(database.pool, author, columns) }
}

describe('a retweet', () => {
  it('is an entry of its own, counted, flagged and owed to followers, the viewer and the author', async () => {
    const { viewer, author, tweet } = await scene({ retweet_count: 6 })
    const id = newEntryId(viewer)
    const done = await retweet(viewer, tweet, id)
    expect(done).toMatchObject({
      outcome: 'done',
      entry_id: id,
      count: 7,
      state: { flags: FLAG_RETWEETED },
      tweet: { id: tweet, user: { id: author }, retweet_count: 6 },
      retweeter: { id: viewer },
    })
    const message = { v: 1, entry_id: id, tweet_id: tweet, author_id: author, retweeter_id: viewer }
    expect('outbox' in done && done.outbox.map((row) => [row.queue, row.message])).toEqual([
      ['fan-out', { type: 'tweet_retweeted', ...message }],
      ['fan-out', { type: 'flags_changed', v: 1, user_id: viewer, tweet_id: tweet }],
      ['notifications', { type: 'retweet_changed', v: 1, actor_id: viewer, tweet_id: tweet }],
    ])
    expect(await entriesOf(tweet)).toEqual([id])
    expect(await count(tweet)).toBe(7)
  })

  it('again changes nothing and owes nothing', async () => {
    const { viewer, tweet } = await scene()
    await retweet(viewer, tweet)
    expect(await retweet(viewer, tweet)).toMatchObject({
      outcome: 'done',
      entry_id: null,
      state: { flags: FLAG_RETWEETED },
      outbox: [],
    })
    expect(await entriesOf(tweet)).toHaveLength(1)
    expect(await count(tweet)).toBe(1)
    expect(await events(viewer, tweet)).toEqual(RETWEETED)
  })

  it('is undone once, with its entry alone and the other flags kept', async () => {
    const { viewer, author, tweet } = await scene()
    const other = await people.addUser()
    const id = newEntryId(viewer)
    await retweet(viewer, tweet, id)
    await retweet(other, tweet)
    await insertEngagement(db, 'like', viewer, tweet, AMPLE_LIKES)
    const undone = await undo(viewer, tweet)
    expect(undone).toMatchObject({ outcome: 'done', entry_id: id, state: { flags: FLAG_LIKED } })
    const message = { v: 1, entry_id: id, tweet_id: tweet, author_id: author, retweeter_id: viewer }
    expect('outbox' in undone && undone.outbox.map((row) => [row.queue, row.message])).toEqual([
      ['fan-out', { type: 'retweet_undone', ...message }],
      ['fan-out', { type: 'flags_changed', v: 1, user_id: viewer, tweet_id: tweet }],
      ['notifications', { type: 'retweet_changed', v: 1, actor_id: viewer, tweet_id: tweet }],
    ])
    expect(await undo(viewer, tweet)).toMatchObject({ outcome: 'done', entry_id: null, outbox: [] })
    expect(await entriesOf(tweet)).toHaveLength(1)
    expect(await count(tweet)).toBe(1)
  })

  it('takes one round trip each way', async () => {
    const { viewer, tweet } = await scene()
    expect(await roundTripsOf(database, () => retweet(viewer, tweet))).toBe(1)
    expect(await roundTripsOf(database, () => undo(viewer, tweet))).toBe(1)
  })

  it('is impossible for what the viewer may not see, and leaves nothing', async () => {
    const [viewer, blocking] = [await people.addUser(), await people.addUser()]
    await people.add('blocks', blocking, viewer)
    const hidden = [
      await addTweet(database.pool, await people.addUser({ is_private: true })),
      await addTweet(database.pool, await people.addUser({ suspended_at: new Date() })),
      await addTweet(database.pool, blocking),
      await addTweet(database.pool, await people.addUser(), { is_deleted: true }),
      1 as TweetId,
    ]
    for (const tweet of hidden) {
      expect(await retweet(viewer, tweet)).toEqual({ outcome: 'tweet_not_found' })
      expect(await undo(viewer, tweet)).toEqual({ outcome: 'tweet_not_found' })
      expect(await entriesOf(tweet)).toEqual([])
      expect(await events(viewer, tweet)).toEqual([])
    }
  })

  it('of a private account’s tweet is for that account alone', async () => {
    const [viewer, author] = [await people.addUser(), await people.addUser({ is_private: true })]
    await people.add('follows', viewer, author)
    const tweet = await addTweet(database.pool, author)
    expect(await retweet(viewer, tweet)).toEqual({ outcome: 'forbidden' })
    expect(await retweet(author, tweet)).toMatchObject({ outcome: 'done' })
    expect(await entriesOf(tweet)).toHaveLength(1)
  })

  it('can be undone when its tweet was deleted since', async () => {
    const { viewer, tweet } = await scene()
    await retweet(viewer, tweet)
    await database.pool.query('update tweets set is_deleted = true where id = $1', [tweet])
    expect(await undo(viewer, tweet)).toMatchObject({ outcome: 'done', entry_id: expect.any(Number) })
    expect(await undo(viewer, tweet)).toEqual({ outcome: 'tweet_not_found' })
  })

  it.each([
    ['suspended', { suspended_at: new Date() }, 'suspended'],
    ['deactivated', { is_active: false }, 'unauthenticated'],
  ])('is not for somebody who is %s', async (_, columns, outcome) => {
    const { tweet } = await scene()
    const viewer = await people.addUser(columns)
    expect(await retweet(viewer, tweet)).toEqual({ outcome })
    expect(await undo(viewer, tweet)).toEqual({ outcome })
  })

  it('shows the quoted tweet only as far as everybody may see it', async () => {
    const [viewer, secret] = [await people.addUser(), await people.addUser({ is_private: true })]
    await people.add('follows', viewer, secret)
    const quoted = await addTweet(database.pool, secret)
    const { tweet } = await scene({ quote_tweet_id: quoted })
    expect(await retweet(viewer, tweet)).toMatchObject({ tweet: { quote: { id: quoted, shown: null } } })
  })

  it('under an id that another entry has is refused, and changes nothing', async () => {
    const { viewer, author, tweet } = await scene()
    const id = newEntryId(viewer)
    await retweet(viewer, tweet, id)
    const other = await addTweet(database.pool, author)
    expect(await retweet(viewer, other, id)).toEqual({ outcome: 'taken' })
    expect(await count(other)).toBe(0)
    expect(await events(viewer, other)).toEqual([])
  })
})

describe('retweets of one user at once', () => {
  it('are one entry, and each request is answered as done', async () => {
    for (let round = 0; round < 5; round++) {
      const { viewer, tweet } = await scene()
      const { deps, told } = depsOn(db)
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => retweetTweet(deps, viewerOf(viewer), tweet)),
      )
      expect(answers.every((answer) => answer === 0 || answer === 1)).toBe(true)
      expect(await entriesOf(tweet)).toHaveLength(1)
      expect(await count(tweet)).toBe(1)
      expect(await events(viewer, tweet)).toEqual(RETWEETED)
      expect(told.sent).toHaveLength(RETWEETED.length)
      expect(told.timelines.get(viewer)?.filter(({ type }) => type === 'deliver')).toHaveLength(1)
    }
  })

  it('and undone at once leave the rows, the ledger and the outbox of one order of events', async () => {
    for (let round = 0; round < 10; round++) {
      const { viewer, tweet } = await scene()
      const results = await Promise.all(
        Array.from({ length: 24 }, (_, n) =>
          (n + round) % 2 === 0 ? retweet(viewer, tweet) : undo(viewer, tweet),
        ),
      )
      const changes = results.filter((result) => 'entry_id' in result && result.entry_id !== null).length
      const left = await entriesOf(tweet)
      expect(left).toHaveLength(changes % 2)
      expect(await count(tweet)).toBe(left.length)
      const inTurn = Array.from({ length: changes }, (_, n) => (n % 2 === 0 ? RETWEETED : UNDONE))
      expect(await events(viewer, tweet)).toEqual(inTurn.flat())
    }
  })
})

describe('the use case', () => {
  it('tells the viewer’s own timeline of the entry with its card, in one call, and then of its end', async () => {
    const { viewer, author, tweet } = await scene()
    const { deps, told } = depsOn(db)
    expect(await retweetTweet(deps, viewerOf(viewer), tweet)).toBe(1)
    const [entry] = await entriesOf(tweet)
    const acted = { tweetId: tweet, flags: FLAG_RETWEETED, version: expect.any(Number) }
    expect(told.timelines.get(viewer)).toEqual([
      {
        type: 'deliver',
        entry: { id: entry, tweetId: tweet, authorId: author, retweeterId: viewer },
        card: expect.objectContaining({ tweetId: tweet, authorId: author }),
        retweeter: expect.objectContaining({ id: viewer, username: expect.any(String) }),
        acted,
      },
      { type: 'flags', acted },
    ])
    expect(await undoRetweet(deps, viewerOf(viewer), tweet)).toBe(0)
    expect(told.timelines.get(viewer)?.slice(2)).toEqual([
      { type: 'retract', of: 'retweet', id: entry },
      { type: 'flags', acted: { ...acted, flags: 0 } },
    ])
  })

  it('takes another id when the first belongs to another entry', async () => {
    const { viewer, author, tweet } = await scene()
    const other = await addTweet(database.pool, author)
    const { deps } = depsOn(db, { now: () => Date.UTC(2026, 0, 2), random: sequence([0, 0, 0.9]) })
    await retweetTweet(deps, viewerOf(viewer), other)
    expect(await retweetTweet(deps, viewerOf(viewer), tweet)).toBe(1)
    expect(await entriesOf(tweet)).not.toEqual(await entriesOf(other))
  })
})

function sequence(values: number[]): () => number {
  let at = 0
  return () => values[at++] ?? 0
}
