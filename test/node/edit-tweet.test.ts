import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { foldCounters, readUnfoldedSubjects } from '../../src/db/statements/counters.ts'
import { deleteTweet } from '../../src/db/statements/delete-tweet.ts'
import { readVersions } from '../../src/db/statements/edit-tweet.ts'
import { readTweet } from '../../src/db/statements/tweets.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { editTweet } from '../../src/services/edit-tweet.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn, viewerOf } from './harness/deps.ts'
import { deadlocksIn, roundTripsOf } from './harness/endpoint.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet, newTweet, publish } from './harness/tweets.ts'

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

const edit = (viewer: UserId, id: TweetId, content: string, deps = depsOn(db).deps) =>
  editTweet(deps, viewerOf(viewer), { id, content })

const ALL = { before: null, offset: 0, limit: 100 }
const versionsOf = async (id: TweetId) =>
  (await readVersions(db, id, null, ALL))?.map(({ version, content }) => [version, content])

/** A tweet of now: those of the harness are an hour old. */
const publishNow = (author: UserId, content: string, changes = {}) => {
  return publish(db, author, content, { createdAtMs: Date.now(), ...changes })
}

async function tagCounts(...tags: string[]): Promise<Record<string, unknown>> {
  await foldCounters(db, await readUnfoldedSubjects(db, 10_000), 1_000_000)
  const rows = await rowsOf('select tag, tweet_count from hashtags where tag = any($1)', [tags])
  return Object.fromEntries(rows.map(({ tag, tweet_count }) => [tag, tweet_count]))
}

const effectsOf = async (id: TweetId) => ({
  edits: (
    await rowsOf(
      "select from outbox where message ->> 'type' = 'tweet_edited' and message ->> 'tweet_id' = $1",
      [String(id)],
    )
  ).length,
  versions: (await rowsOf('select from tweet_versions where tweet_id = $1', [id])).length,
})
const NO_EFFECTS = { edits: 0, versions: 0 }

describe('editing a tweet', () => {
  it('replaces its text, tags and mentions, keeps the old text, and tells the own timeline, in one round trip', async () => {
    const [ann, bob, cy] = [
      await people.addUser(),
      await people.addUser({ username: 'bob' }),
      await people.addUser({ username: 'cyan' }),
    ]
    const id = await publishNow(ann, 'hello @bob #keep_a #drop_a')
    const { deps, told } = depsOn(db)
    const trips = await roundTripsOf(database, async () => {
      const tweet = await edit(ann, id, ' hello @cyan #keep_a #gain_a ', deps)
      expect(tweet).toMatchObject({
        id,
        content: 'hello @cyan #keep_a #gain_a',
        edited_at: expect.any(String),
        entities: {
          mentions: [{ id: cy, username: 'cyan' }],
          hashtags: [{ tag: 'keep_a' }, { tag: 'gain_a' }],
        },
      })
    })
    expect(trips).toBe(1)
    expect(await versionsOf(id)).toEqual([
      [2, 'hello @cyan #keep_a #gain_a'],
      [1, 'hello @bob #keep_a #drop_a'],
    ])
    expect(await rowsOf('select user_id::float8 from tweet_mentions where tweet_id = $1', [id])).toEqual([
      { user_id: cy },
    ])
    expect(bob).not.toBe(cy)
    expect(await tagCounts('keep_a', 'drop_a', 'gain_a')).toEqual({ keep_a: 1, drop_a: 0, gain_a: 1 })
    expect(await effectsOf(id)).toEqual({ edits: 1, versions: 1 })
    const read = await readTweet(db, id, ann)
    expect(read?.tweet).toMatchObject({ content: 'hello @cyan #keep_a #gain_a', revision: '2.1' })
    expect(told.timelines.get(ann)).toMatchObject([
      { type: 'revise', card: { tweetId: id, revision: '2.1' } },
    ])
  })

  it('to what it says already does nothing', async () => {
    const ann = await people.addUser()
    const id = await publishNow(ann, 'the same')
    const { deps, told } = depsOn(db)
    expect(await edit(ann, id, 'the same ', deps)).toMatchObject({ content: 'the same', edited_at: null })
    expect(await effectsOf(id)).toEqual(NO_EFFECTS)
    expect(told.timelines.size).toBe(0)
  })

  it('answers with what the author did, and the tweet that it quotes', async () => {
    const ann = await people.addUser()
    const quoted = await publishNow(ann, 'quoted')
    const id = await publishNow(ann, 'before', { quoteTweetId: quoted })
    await rowsOf('insert into likes (user_id, tweet_id) values ($1, $2)', [ann, id])
    expect(await edit(ann, id, 'after')).toMatchObject({
      content: 'after',
      is_liked: true,
      quote_tweet: { id: quoted, content: 'quoted' },
    })
  })

  it('to nothing is for quotes alone', async () => {
    const ann = await people.addUser()
    const plain = await publishNow(ann, 'plain')
    await expect(edit(ann, plain, ' ')).rejects.toMatchObject({ code: 'validation_failed' })
    await expect(edit(ann, plain, 'x'.repeat(281))).rejects.toMatchObject({ code: 'validation_failed' })
    const quote = await publishNow(ann, 'a quote', { quoteTweetId: plain })
    expect(await edit(ann, quote, ' ')).toMatchObject({ content: '' })
    expect(await effectsOf(plain)).toEqual(NO_EFFECTS)
  })

  it('ends after 60 minutes', async () => {
    const ann = await people.addUser()
    const minutes = async (ago: number) => {
      const id = await publishNow(ann, 'old')
      await rowsOf('update tweets set created_at = now() - make_interval(mins => $2) where id = $1', [
        id,
        ago,
      ])
      return id
    }
    expect(await edit(ann, await minutes(59), 'new')).toMatchObject({ content: 'new' })
    const late = await minutes(60)
    await expect(edit(ann, late, 'new')).rejects.toMatchObject({ code: 'edit_closed' })
    expect(await effectsOf(late)).toEqual(NO_EFFECTS)
  })

  it('is done five times, and its history has all six texts', async () => {
    const ann = await people.addUser()
    const id = await publishNow(ann, 'text 0')
    for (let times = 1; times <= 5; times++) await edit(ann, id, `text ${times}`)
    await expect(edit(ann, id, 'text 6')).rejects.toMatchObject({ code: 'edit_closed' })
    expect(await versionsOf(id)).toEqual([5, 4, 3, 2, 1, 0].map((text) => [text + 1, `text ${text}`]))
  })

  it('is not for polls, nor for others', async () => {
    const [ann, bob, shy] = [
      await people.addUser(),
      await people.addUser(),
      await people.addUser({ is_private: true }),
    ]
    const poll = { options: ['a', 'b'], endsAtMs: Date.now() + 1_000_000 }
    const id = await publishNow(ann, 'which?', { poll })
    await expect(edit(ann, id, 'who?')).rejects.toMatchObject({ code: 'edit_closed' })
    await expect(edit(bob, id, 'who?')).rejects.toMatchObject({ code: 'forbidden' })
    await expect(edit(bob, id, 'which?')).rejects.toMatchObject({ code: 'forbidden' })
    const hidden = await addTweet(database.pool, shy)
    await expect(edit(bob, hidden, 'who?')).rejects.toMatchObject({ code: 'tweet_not_found' })
    await expect(edit(bob, 5 as TweetId, 'who?')).rejects.toMatchObject({ code: 'tweet_not_found' })
    await rowsOf('update users set suspended_at = now() where id = $1', [ann])
    await expect(edit(ann, id, 'who?')).rejects.toMatchObject({ code: 'suspended' })
    expect(await effectsOf(id)).toEqual(NO_EFFECTS)
  })
})

describe('edits at once', () => {
  it('are consecutive versions, of which none is lost and no more than five pass', async () => {
    const deadlocks = await deadlocksIn(database.pool)
    for (let round = 0; round < 5; round++) {
      const ann = await people.addUser()
      const id = await publishNow(ann, 'text 0')
      const settled = await Promise.allSettled(
        Array.from({ length: 8 }, (_, index) =>
          edit(ann, id, `text ${index + 1} #r${round}_${index % 3} #r${round}`),
        ),
      )
      expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
      const versions = (await versionsOf(id)) ?? []
      expect(versions.map(([version]) => version)).toEqual([6, 5, 4, 3, 2, 1])
      expect(new Set(versions.map(([, content]) => content)).size).toBe(6)
      expect(await rowsOf('select revision from tweets where id = $1', [id])).toEqual([{ revision: 6 }])
      const exact = await rowsOf(
        `select h.tag, (select count(*) from tweet_hashtags t where t.hashtag_id = h.id)::int as tweet_count
         from hashtags h where tag like $1`,
        [`r${round}%`],
      )
      const tags = exact.map(({ tag }) => String(tag))
      expect(await tagCounts(...tags)).toEqual(
        Object.fromEntries(exact.map(({ tag, tweet_count }) => [tag, tweet_count])),
      )
    }
    expect(await deadlocksIn(database.pool)).toBe(deadlocks)
  })

  it('with the tweet’s deletion leave no hashtag counted', async () => {
    for (let round = 0; round < 20; round++) {
      const ann = await people.addUser()
      const [old, fresh] = [`old${round}`, `fresh${round}`]
      const id = await publishNow(ann, `#${old}`)
      const [deleted] = await Promise.all([
        deleteTweet(db, id, { id: ann, isModerator: false }),
        edit(ann, id, `#${fresh}`).catch((error) => expect(error).toMatchObject({ code: 'tweet_not_found' })),
      ])
      expect(deleted.outcome).toBe('deleted')
      const counts = await tagCounts(old, fresh)
      expect(Object.values(counts).every((count) => count === 0)).toBe(true)
    }
  })
})

describe('the history of a tweet', () => {
  it('is for those who may see it, with the time of each text', async () => {
    const [ann, bob] = [await people.addUser({ is_private: true }), await people.addUser()]
    const id = await publishNow(ann, 'first')
    await edit(ann, id, 'second')
    expect(await readVersions(db, id, bob, ALL)).toBeNull()
    expect(await readVersions(db, id, null, ALL)).toBeNull()
    const [second, first] = (await readVersions(db, id, ann, ALL)) ?? []
    const { createdAtMs } = newTweet(ann, '')
    expect(first?.created_at).toBeGreaterThan(createdAtMs)
    expect(second?.created_at).toBeGreaterThan(first?.created_at ?? Number.NaN)
    await deleteTweet(db, id, { id: ann, isModerator: false })
    expect(await readVersions(db, id, ann, ALL)).toBeNull()
  })

  it('comes in pages', async () => {
    const ann = await people.addUser()
    const id = await publishNow(ann, 'one')
    await edit(ann, id, 'two')
    await edit(ann, id, 'three')
    const page = async (before: number | null, offset = 0) =>
      (await readVersions(db, id, ann, { before, offset, limit: 2 }))?.map(({ content }) => content)
    expect(await page(null)).toEqual(['three', 'two'])
    expect(await page(2)).toEqual(['one'])
    expect(await page(null, 1)).toEqual(['two', 'one'])
    expect(await page(1)).toEqual([])
  })
})
