import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { foldCounters, readUnfoldedSubjects } from '../../src/db/statements/counters.ts'
import { insertVote } from '../../src/db/statements/polls.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { voteInPoll } from '../../src/services/vote-in-poll.ts'
import { until } from '../../tools/stack/until.ts'
import { type Community, communityIn, inTransaction, somebodyWaits } from './harness/community.ts'
import { depsOn, viewerOf } from './harness/deps.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { addPoll, eventsOf } from './harness/engagement.ts'
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

const vote = (viewer: UserId, tweet: TweetId, position: number) => insertVote(db, viewer, tweet, position)
const pollOf = async (author: UserId | null = null) =>
  addPoll(database.pool, author ?? (await people.addUser()))

async function votesIn(tweet: TweetId): Promise<number[]> {
  const { rows } = await database.pool.query<{ position: number }>(
    'select position from poll_votes where tweet_id = $1 order by position',
    [tweet],
  )
  return rows.map(({ position }) => position)
}

async function ledgerOf(tweet: TweetId): Promise<Record<string, number>> {
  const { rows } = await database.pool.query<{ counter: string; sum: number }>(
    `select counter, sum(delta)::int as sum from counter_deltas
     where subject = 'tweet' and subject_id = $1 group by counter`,
    [tweet],
  )
  return Object.fromEntries(rows.map(({ counter, sum }) => [counter, sum]))
}

async function foldedVotes(tweet: TweetId): Promise<number[]> {
  await foldCounters(db, await readUnfoldedSubjects(db, 10_000), 1_000_000)
  const { rows } = await database.pool.query<{ vote_count: number }>(
    'select vote_count from poll_options where tweet_id = $1 order by position',
    [tweet],
  )
  return rows.map(({ vote_count }) => vote_count)
}

const counts = (result: Awaited<ReturnType<typeof vote>>) =>
  'poll' in result ? result.poll.options.map(({ vote_count }) => vote_count) : null

describe('a vote', () => {
  it('is answered with the poll as stored and itself, and goes to the ledger and the viewer’s timeline', async () => {
    const viewer = await people.addUser()
    const tweet = await pollOf()
    await database.pool.query('update poll_options set vote_count = 10 where tweet_id = $1', [tweet])
    const result = await vote(viewer, tweet, 1)
    expect(result).toMatchObject({ outcome: 'voted', changed: true })
    expect(counts(result)).toEqual([10, 11, 10])
    expect('outbox' in result && result.outbox.map(({ message }) => message)).toEqual([
      { type: 'flags_changed', v: 1, user_id: viewer, tweet_id: tweet },
    ])
    expect(await votesIn(tweet)).toEqual([1])
    expect(await ledgerOf(tweet)).toEqual({ poll_1: 1 })
    expect(await foldedVotes(tweet)).toEqual([10, 11, 10])
  })

  it('takes one round trip', async () => {
    const [viewer, tweet] = [await people.addUser(), await pollOf()]
    expect(await roundTripsOf(database, () => vote(viewer, tweet, 0))).toBe(1)
  })

  it('again is done already, and for another option refused', async () => {
    const [viewer, tweet] = [await people.addUser(), await pollOf()]
    await vote(viewer, tweet, 2)
    expect(await vote(viewer, tweet, 2)).toMatchObject({ outcome: 'voted', changed: false, outbox: [] })
    expect(await vote(viewer, tweet, 0)).toEqual({ outcome: 'already_voted' })
    expect(await votesIn(tweet)).toEqual([2])
    expect(await ledgerOf(tweet)).toEqual({ poll_2: 1 })
    expect(await eventsOf(database.pool, viewer, tweet)).toEqual(['flags_changed'])
  })

  it('for an option that is not there is refused, with how many there are', async () => {
    const [viewer, author] = [await people.addUser(), await people.addUser()]
    const tweet = await addPoll(database.pool, author, ['yes', 'no'])
    expect(await vote(viewer, tweet, 2)).toEqual({ outcome: 'no_such_option', options: 2 })
    expect(await votesIn(tweet)).toEqual([])
  })

  it('after the end is refused; one cast before still stands', async () => {
    const [viewer, early, author] = [await people.addUser(), await people.addUser(), await people.addUser()]
    const tweet = await addPoll(database.pool, author)
    await vote(early, tweet, 0)
    await database.pool.query('update polls set ends_at = now() where tweet_id = $1', [tweet])
    expect(await vote(viewer, tweet, 0)).toEqual({ outcome: 'poll_closed' })
    expect(await vote(early, tweet, 0)).toMatchObject({ outcome: 'voted', changed: false })
    expect(await votesIn(tweet)).toEqual([0])
  })

  it('needs a poll, a tweet that the viewer may see, and a viewer who may act', async () => {
    const [viewer, blocking] = [await people.addUser(), await people.addUser()]
    await people.add('blocks', blocking, viewer)
    const plain = await addTweet(database.pool, await people.addUser())
    expect(await vote(viewer, plain, 0)).toEqual({ outcome: 'poll_not_found' })
    const deleted = await pollOf()
    await database.pool.query('update tweets set is_deleted = true where id = $1', [deleted])
    for (const hidden of [deleted, await pollOf(blocking), 1 as TweetId]) {
      expect(await vote(viewer, hidden, 0)).toEqual({ outcome: 'tweet_not_found' })
      expect(await votesIn(hidden)).toEqual([])
    }
    const tweet = await pollOf()
    expect(await vote(await people.addUser({ suspended_at: new Date() }), tweet, 0)).toEqual({
      outcome: 'suspended',
    })
    expect(await vote(await people.addUser({ is_active: false }), tweet, 0)).toEqual({
      outcome: 'unauthenticated',
    })
    expect(await votesIn(tweet)).toEqual([])
  })
})

describe('50 votes of one user at once', () => {
  it('for every option are one vote, and those for another are told so', async () => {
    for (let round = 0; round < 4; round++) {
      const [viewer, tweet] = [await people.addUser(), await pollOf()]
      const results = await Promise.all(Array.from({ length: 50 }, (_, n) => vote(viewer, tweet, n % 3)))
      const [voted] = await votesIn(tweet)
      expect(await votesIn(tweet)).toHaveLength(1)
      expect(await ledgerOf(tweet)).toEqual({ [`poll_${voted}`]: 1 })
      expect(results.filter((result) => 'changed' in result && result.changed)).toHaveLength(1)
      results.forEach(({ outcome }, n) => {
        expect(outcome).toBe(n % 3 === voted ? 'voted' : 'already_voted')
      })
      expect(await eventsOf(database.pool, viewer, tweet)).toEqual(['flags_changed'])
    }
  })

  it('include one that waited for the same vote and is done', async () => {
    const [viewer, tweet] = [await people.addUser(), await pollOf()]
    const first = {
      text: 'insert into poll_votes (tweet_id, user_id, position) values ($1, $2, 1)',
      values: [tweet, viewer],
    }
    let second: ReturnType<typeof vote> | null = null
    await inTransaction(database.pool, [first], async () => {
      second = vote(viewer, tweet, 1)
      expect(await until(() => somebodyWaits(database.pool), { withinMs: 10_000 })).toBe(true)
    })
    expect(await second).toMatchObject({ outcome: 'voted', changed: false })
  })
})

describe('votes of many at once', () => {
  it('are counted, each where it was cast, with folds running meanwhile', async () => {
    const tweet = await pollOf()
    const voters = await people.addUsers(60)
    const folds = async () => {
      for (let n = 0; n < 10; n++) await foldCounters(db, [{ subject: 'tweet', id: tweet }], 1_000_000)
    }
    await Promise.all([...voters.map((voter, n) => vote(voter, tweet, n % 2)), folds(), folds()])
    expect(await foldedVotes(tweet)).toEqual([30, 30, 0])
    expect(await ledgerOf(tweet)).toEqual({})
  })
})

describe('the use case', () => {
  it('presents the poll, and tells no timeline in the request', async () => {
    const [viewer, tweet] = [await people.addUser(), await pollOf()]
    const { deps, told } = depsOn(db)
    expect(await voteInPoll(deps, viewerOf(viewer), tweet, 1)).toMatchObject({
      id: tweet,
      options: [{ vote_count: 0 }, { position: 1, text: 'coffee', vote_count: 1 }, { vote_count: 0 }],
      total_votes: 1,
      is_closed: false,
      voted: [1],
    })
    expect(told.timelines.size).toBe(0)
    expect(told.sent).toHaveLength(1)
  })

  it.each([
    [3, 'validation_failed'],
    [0, 'already_voted'],
  ])('refuses a second vote for %i', async (position, code) => {
    const [viewer, tweet] = [await people.addUser(), await pollOf()]
    const { deps } = depsOn(db)
    await voteInPoll(deps, viewerOf(viewer), tweet, 1)
    await expect(voteInPoll(deps, viewerOf(viewer), tweet, position)).rejects.toMatchObject({ code })
  })
})
