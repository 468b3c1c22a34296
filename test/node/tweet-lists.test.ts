import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { readActedOn, readActors, readAnswers, readMentions } from '../../src/db/statements/tweet-lists.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { listTweetActors } from '../../src/services/list-tweet-actors.ts'
import { listActedOn, listAnswers, listMentions } from '../../src/services/list-tweets.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn, viewerOf } from './harness/deps.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { newEntryId } from './harness/engagement.ts'
import { stepsOf } from './harness/plans.ts'
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

const FIRST = { after: null, offset: 0, limit: 100 }
/** One moment for all: the ids break the ties. */
const AT = '2026-03-01T12:00:00.123456Z'

async function addActed(
  table: 'likes' | 'bookmarks' | 'retweets',
  user: UserId,
  tweet: TweetId,
  at = AT,
): Promise<void> {
  const id = table === 'retweets' ? { names: ', id', places: ', $4', values: [newEntryId(user)] } : null
  await database.pool.query(
    `insert into ${table} (user_id, tweet_id, created_at${id?.names ?? ''}) values ($1, $2, $3${id?.places ?? ''})`,
    [user, tweet, at, ...(id?.values ?? [])],
  )
}

const mention = (tweet: TweetId, user: UserId) =>
  database.pool.query('insert into tweet_mentions (tweet_id, user_id) values ($1, $2)', [tweet, user])

const tweetsBy = (author: UserId, count: number, columns: Record<string, unknown> = {}) =>
  Promise.all(Array.from({ length: count }, () => addTweet(database.pool, author, columns))).then((ids) =>
    ids.sort((a, b) => b - a),
  )

/** Reads a list to its end, page by page. */
async function readAll<After>(
  read: (after: After | null) => Promise<{ tweets: { id: number }[]; nextAfter: After | null }>,
): Promise<{ ids: number[]; sizes: number[] }> {
  const [ids, sizes]: [number[], number[]] = [[], []]
  for (let after: After | null = null; ; ) {
    const page: Awaited<ReturnType<typeof read>> = await read(after)
    ids.push(...page.tweets.map(({ id }) => id))
    sizes.push(page.tweets.length)
    if (page.nextAfter === null) return { ids, sizes }
    after = page.nextAfter
  }
}

describe.each(['likes', 'bookmarks'] as const)('one’s own %s', (table) => {
  it('come page by page, the latest act first, ids where it was at one moment', async () => {
    const [viewer, author] = [await people.addUser(), await people.addUser()]
    const tweets = await tweetsBy(author, 7)
    for (const tweet of tweets) await addActed(table, viewer, tweet)
    const oldest = await addTweet(database.pool, author)
    await addActed(table, viewer, oldest, '2026-02-01T00:00:00Z')
    const { deps } = depsOn(db)
    const { ids, sizes } = await readAll((after: Parameters<typeof listActedOn>[3]['after']) =>
      listActedOn(deps, viewerOf(viewer), table, { after, offset: 0, limit: 3 }),
    )
    expect(ids).toEqual([...tweets, oldest])
    expect(sizes).toEqual([3, 3, 2])
    const skipped = await listActedOn(deps, viewerOf(viewer), table, { after: null, offset: 6, limit: 3 })
    expect(skipped.tweets.map(({ id }) => id)).toEqual([tweets[6], oldest])
  })

  it('leave out what can no longer be seen, and the next page goes on behind it', async () => {
    const [viewer, author, blocking] = [
      await people.addUser(),
      await people.addUser(),
      await people.addUser(),
    ]
    const shown = await tweetsBy(author, 4)
    const gone = await tweetsBy(author, 4, { is_deleted: true })
    const blocked = await tweetsBy(blocking, 2)
    await people.add('blocks', blocking, viewer)
    for (const tweet of [...shown, ...gone, ...blocked]) await addActed(table, viewer, tweet)
    const { deps } = depsOn(db)
    const { ids } = await readAll((after: Parameters<typeof listActedOn>[3]['after']) =>
      listActedOn(deps, viewerOf(viewer), table, { after, offset: 0, limit: 2 }),
    )
    expect(ids).toEqual(shown)
  })

  it('carry the viewer’s flags and take one round trip', async () => {
    const [viewer, author] = [await people.addUser(), await people.addUser()]
    await addActed(table, viewer, await addTweet(database.pool, author))
    const [line] = await readActedOn(db, table, viewer, FIRST)
    expect(line?.shown?.flags).toMatchObject({
      is_liked: table === 'likes',
      is_bookmarked: table === 'bookmarks',
    })
    expect(await roundTripsOf(database, () => readActedOn(db, table, viewer, FIRST))).toBe(1)
  })

  it('cost what the page costs, however many there are', async () => {
    const [viewer, author] = [await people.addUser(), await people.addUser()]
    const tweet = await addTweet(database.pool, author)
    await database.pool.query(
      `insert into ${table} (user_id, tweet_id, created_at)
       select $1, $2::bigint - n, now() - n * interval '1 second' from generate_series(0, 20000) n`,
      [viewer, tweet],
    )
    await database.pool.query(`vacuum analyze ${table}`)
    const steps = await stepsOf(database.pool, () => readActedOn(db, table, viewer, { ...FIRST, limit: 20 }))
    const read = steps.filter(({ relation }) => relation === table).reduce((sum, { rows }) => sum + rows, 0)
    expect(read).toBeLessThan(100)
  })
})

describe('one’s mentions', () => {
  it('come page by page, newest first, without one’s own and those of the muted', async () => {
    const [viewer, author, muted] = [await people.addUser(), await people.addUser(), await people.addUser()]
    await people.add('mutes', viewer, muted)
    const tweets = await tweetsBy(author, 5)
    for (const tweet of tweets) await mention(tweet, viewer)
    for (const other of [viewer, muted]) await mention(await addTweet(database.pool, other), viewer)
    const { deps } = depsOn(db)
    const { ids, sizes } = await readAll((after: number | null) =>
      listMentions(deps, viewerOf(viewer), { after, offset: 0, limit: 2 }),
    )
    expect(ids).toEqual(tweets)
    expect(sizes).toEqual([2, 2, 1])
  })

  it('leave out what may not be seen', async () => {
    const [viewer, blocking] = [await people.addUser(), await people.addUser()]
    await people.add('blocks', blocking, viewer)
    const secret = await people.addUser({ is_private: true })
    const followed = await people.addUser({ is_private: true })
    await people.add('follows', viewer, followed)
    const shown = await addTweet(database.pool, followed)
    const hidden = [await addTweet(database.pool, blocking), await addTweet(database.pool, secret)]
    for (const tweet of [shown, ...hidden]) await mention(tweet, viewer)
    const rows = await readMentions(db, viewer, FIRST)
    expect(rows.flatMap((row) => (row.shown === null ? [] : [row.shown.tweet.id]))).toEqual([shown])
  })
})

describe.each([
  ['replies', 'reply_to_id'],
  ['quotes', 'quote_tweet_id'],
] as const)('the %s of a tweet', (kind, column) => {
  it('come page by page, newest first, without what is deleted, of the muted or may not be seen', async () => {
    const [viewer, author, muted] = [await people.addUser(), await people.addUser(), await people.addUser()]
    const [secret, blocking] = [await people.addUser({ is_private: true }), await people.addUser()]
    await people.add('mutes', viewer, muted)
    await people.add('blocks', blocking, viewer)
    const tweet = await addTweet(database.pool, author)
    const answers = await tweetsBy(author, 5, { [column]: tweet })
    await tweetsBy(author, 2, { [column]: tweet, is_deleted: true })
    for (const other of [muted, secret, blocking]) await tweetsBy(other, 2, { [column]: tweet })
    const { deps } = depsOn(db)
    const { ids } = await readAll((after: number | null) =>
      listAnswers(deps, viewerOf(viewer), kind, tweet, { after, offset: 0, limit: 2 }),
    )
    expect(ids).toEqual(answers)
    expect(await roundTripsOf(database, () => readAnswers(db, kind, tweet, viewer, FIRST))).toBe(1)
    const forNobody = await readAnswers(db, kind, tweet, null, FIRST)
    expect(forNobody?.flatMap(({ shown }) => (shown === null ? [] : [shown]))).toHaveLength(9)
  })

  it('are none for a tweet without any, and nobody’s for a tweet that may not be seen', async () => {
    const [viewer, secret] = [await people.addUser(), await people.addUser({ is_private: true })]
    const tweet = await addTweet(database.pool, viewer)
    expect(await readAnswers(db, kind, tweet, viewer, FIRST)).toEqual([])
    const hidden = await addTweet(database.pool, secret)
    await addTweet(database.pool, viewer, { [column]: hidden })
    expect(await readAnswers(db, kind, hidden, viewer, FIRST)).toBeNull()
    expect(await readAnswers(db, kind, 1 as TweetId, null, FIRST)).toBeNull()
  })
})

describe.each(['likes', 'retweets'] as const)('who is in the %s of a tweet', (table) => {
  const read = (tweet: TweetId, viewer: UserId | null) => readActors(db, table, tweet, viewer, FIRST)
  const idsOf = (rows: Awaited<ReturnType<typeof read>>) => rows?.map(({ user }) => user.id)

  it('comes page by page, the latest first, each once', async () => {
    const tweet = await addTweet(database.pool, await people.addUser())
    const actors = (await people.addUsers(7)).sort((a, b) => b - a)
    for (const actor of actors) await addActed(table, actor, tweet)
    const { deps } = depsOn(db)
    const { ids, sizes } = await readAll(async (after: Parameters<typeof listActedOn>[3]['after']) => {
      const page = await listTweetActors(deps, null, table, tweet, { after, offset: 0, limit: 3 })
      expect(page.users.every((user) => user.relationship === undefined)).toBe(true)
      return { tweets: page.users, nextAfter: page.nextAfter }
    })
    expect(ids).toEqual(actors)
    expect(sizes).toEqual([3, 3, 1])
  })

  it('is without those who are gone or across a block, and says how the viewer stands to the others', async () => {
    const tweet = await addTweet(database.pool, await people.addUser())
    const [viewer, friend, blocking] = [
      await people.addUser(),
      await people.addUser(),
      await people.addUser(),
    ]
    await people.add('follows', viewer, friend)
    await people.add('blocks', blocking, viewer)
    const suspended = await people.addUser({ suspended_at: new Date() })
    for (const actor of [friend, blocking, suspended]) await addActed(table, actor, tweet)
    const rows = await read(tweet, viewer)
    expect(idsOf(rows)).toEqual([friend])
    expect(rows?.[0]?.relationship).toMatchObject({ is_following: true })
    expect(await roundTripsOf(database, () => read(tweet, viewer))).toBe(1)
  })

  it('is none without any, and nobody’s for a tweet that may not be seen', async () => {
    const secret = await people.addUser({ is_private: true })
    const hidden = await addTweet(database.pool, secret)
    await addActed(table, secret, hidden)
    expect(await read(hidden, null)).toBeNull()
    expect(idsOf(await read(hidden, secret))).toEqual([secret])
    expect(await read(await addTweet(database.pool, secret), secret)).toEqual([])
  })

  it('costs what the page costs, however many there are', async () => {
    const tweet = await addTweet(database.pool, await people.addUser())
    await database.pool.query(
      `with added as (
         insert into users (id, username, email, password_hash, display_name)
         select $1::bigint + n, $2 || n, $2 || n || '@example.com', '', 'Many' from generate_series(1, 3000) n
         returning id
       )
       insert into ${table} (user_id, tweet_id${table === 'retweets' ? ', id' : ''})
       select id, $3${table === 'retweets' ? ', id' : ''} from added`,
      [table === 'likes' ? 50_000_000 : 60_000_000, `many_${table}_`, tweet],
    )
    await database.pool.query(`vacuum analyze ${table}, users`)
    const steps = await stepsOf(database.pool, () =>
      readActors(db, table, tweet, null, { ...FIRST, limit: 20 }),
    )
    const rows = steps.filter(({ relation }) => relation === table).reduce((sum, step) => sum + step.rows, 0)
    expect(rows).toBeLessThan(200)
  })
})
