import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { foldCounters, readUnfoldedSubjects } from '../../src/db/statements/counters.ts'
import { deleteTweet } from '../../src/db/statements/delete-tweet.ts'
import { insertTweets } from '../../src/db/statements/publish-tweet.ts'
import { readTweet } from '../../src/db/statements/tweets.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn } from './harness/community.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { AMPLE_QUOTA, addTweet, newPublication, publish } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

async function rowsOf(statement: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  return (await database.pool.query<Record<string, unknown>>(statement, values)).rows
}

const quote = (author: UserId, quoted: TweetId, content = 'look at this') =>
  insertTweets(db, newPublication(author, content, { quoteTweetId: quoted }), AMPLE_QUOTA)

const refused = (code: string) => ({ outcome: 'refused', code, field: 'quote_tweet_id', place: 0 })

describe('a quote', () => {
  it('comes back with what it quotes, as its author sees it and as everybody may, in one round trip', async () => {
    const [ann, bob] = [await people.addUser(), await people.addUser()]
    const quoted = await publish(db, ann, 'worth quoting')
    await rowsOf('insert into likes (user_id, tweet_id) values ($1, $2)', [bob, quoted])
    const trips = await roundTripsOf(database, async () => {
      const shown = { tweet: { id: quoted, content: 'worth quoting', user: { id: ann } } }
      expect(await quote(bob, quoted)).toMatchObject({
        outcome: 'published',
        tweets: [
          {
            tweet: {
              quote: { id: quoted, shown: { ...shown, flags: { is_liked: true } } },
              revision: '1.1/1.1',
            },
            card: {
              quote: { id: quoted, shown: { ...shown, flags: { is_liked: false } } },
              revision: '1.1/1.1',
            },
          },
        ],
      })
    })
    expect(trips).toBe(1)
  })

  it('has the same record when it is read', async () => {
    const [ann, bob] = [await people.addUser(), await people.addUser()]
    const quoted = await publish(db, ann, 'worth quoting')
    const answer = await quote(bob, quoted)
    const id = answer.outcome === 'published' ? answer.tweets[0]?.tweet.id : undefined
    const read = await readTweet(db, id as TweetId, bob)
    expect(answer).toHaveProperty('tweets.0.tweet', read?.tweet)
  })

  it('of a quote shows one level', async () => {
    const ann = await people.addUser()
    const first = await publish(db, ann, 'first')
    const second = await publish(db, ann, 'second', { quoteTweetId: first })
    const answer = await quote(ann, second)
    expect(answer).toHaveProperty('tweets.0.tweet.quote.shown.tweet.id', second)
    expect(answer).not.toHaveProperty('tweets.0.tweet.quote.shown.tweet.quote')
  })

  it('counts for what it quotes, as often as one quotes, until it is deleted', async () => {
    const [ann, bob] = [await people.addUser(), await people.addUser()]
    const quoted = await publish(db, ann, 'worth quoting')
    const id = await publish(db, bob, 'once', { quoteTweetId: quoted })
    await publish(db, bob, 'twice', { quoteTweetId: quoted })
    const count = async () => {
      await foldCounters(db, await readUnfoldedSubjects(db, 10_000), 1_000_000)
      return rowsOf('select quote_count, reply_count from tweets where id = $1', [quoted])
    }
    expect(await count()).toEqual([{ quote_count: 2, reply_count: 0 }])
    await deleteTweet(db, id, { id: bob, isModerator: false })
    expect(await count()).toEqual([{ quote_count: 1, reply_count: 0 }])
  })

  it('of a private author is theirs alone, and their card shows it to nobody else', async () => {
    const [shy, follower, stranger] = [
      await people.addUser({ is_private: true }),
      await people.addUser(),
      await people.addUser(),
    ]
    await people.add('follows', follower, shy)
    const quoted = await addTweet(database.pool, shy)
    expect(await quote(follower, quoted)).toEqual(refused('forbidden'))
    expect(await quote(stranger, quoted)).toEqual(refused('tweet_not_found'))
    expect(await quote(shy, quoted)).toMatchObject({
      outcome: 'published',
      tweets: [
        {
          tweet: { quote: { shown: { tweet: { id: quoted } } } },
          card: { quote: { id: quoted, shown: null } },
        },
      ],
    })
  })

  it('of what is not there, or of somebody who blocks one, writes nothing', async () => {
    const [bob, blocking, blocked] = [await people.addUser(), await people.addUser(), await people.addUser()]
    await people.add('blocks', blocking, bob)
    await people.add('blocks', bob, blocked)
    expect(await quote(bob, await addTweet(database.pool, blocking))).toEqual(refused('blocked'))
    for (const id of [
      99 as TweetId,
      await addTweet(database.pool, blocked),
      await addTweet(database.pool, await people.addUser(), { is_deleted: true }),
    ]) {
      expect(await quote(bob, id)).toEqual(refused('tweet_not_found'))
    }
    expect(await rowsOf('select from tweets where user_id = $1', [bob])).toEqual([])
  })

  it('in a reply is judged apart from what it answers', async () => {
    const [ann, bob] = [await people.addUser(), await people.addUser()]
    const parent = await publish(db, ann, 'parent')
    const both = (replyToId: TweetId, quoteTweetId: TweetId) =>
      insertTweets(db, newPublication(bob, 'both', { replyToId, quoteTweetId }), AMPLE_QUOTA)
    expect(await both(parent, parent)).toMatchObject({ outcome: 'published' })
    expect(await both(parent, 7 as TweetId)).toEqual(refused('tweet_not_found'))
    expect(await both(7 as TweetId, parent)).toMatchObject({ field: 'reply_to_id' })
  })
})

describe('a poll', () => {
  it('is stored with its tweet, or not at all', async () => {
    const ann = await people.addUser()
    const endsAtMs = Date.now() + 300_000
    const poll = { options: ['tea', 'coffee', 'neither'], endsAtMs }
    let id = 0 as TweetId
    const trips = await roundTripsOf(database, async () => {
      id = await publish(db, ann, '', { poll })
    })
    expect(trips).toBe(1)
    expect((await readTweet(db, id, ann))?.tweet.poll).toEqual({
      ends_at: endsAtMs,
      options: poll.options.map((text, position) => ({ position, text, vote_count: 0 })),
    })
    const tooLong = { options: ['x'.repeat(26), 'y'], endsAtMs }
    const before = await rowsOf('select count(*) from polls')
    await expect(publish(db, ann, 'too long', { poll: tooLong })).rejects.toThrow()
    expect(await rowsOf('select count(*) from polls')).toEqual(before)
    expect(await rowsOf("select from tweets where content = 'too long'")).toEqual([])
  })
})
