import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TweetId, timeOf } from '../../src/domain/ids.ts'
import { codePointLength, extractEntities, uniqueMentions, uniqueTags } from '../../src/domain/tweet-text.ts'
import { verifyPassword } from '../../src/passwords/scrypt.ts'
import { seedDemoCommunity } from '../../tools/seed/demo.ts'
import { SEED_PASSWORD, type SeedRequest, seedCommunity } from '../../tools/seed/seed-community.ts'
import { createDatabase, withClient } from '../../tools/stack/databases.ts'
import { prepareDatabase } from '../../tools/stack/migrate.ts'
import { PROJECT_ROOT } from '../../tools/stack/paths.ts'
import { StackError } from '../../tools/stack/stack-error.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

const run = promisify(execFile)

const NOW_MS = Date.UTC(2026, 9, 20, 18, 30)
const DAY_MS = 86_400_000
const LARGE: SeedRequest = { users: 1_000, tweets: 8_000, seed: 'test', nowMs: NOW_MS }
const SMALL: SeedRequest = { users: 60, tweets: 400, seed: 'test', nowMs: NOW_MS }

let server: TestDatabase
let databases = 0

beforeAll(async () => {
  server = await startTestDatabase()
})

afterAll(() => server.stop())

/** A migrated database of its own on the test's server. */
async function newDatabase(): Promise<string> {
  const name = `seeded_${++databases}`
  await createDatabase(server.databaseUrl, name)
  const url = new URL(server.databaseUrl)
  url.pathname = name
  await prepareDatabase(url.href)
  return url.href
}

async function select<Row extends pg.QueryResultRow>(databaseUrl: string, query: string): Promise<Row[]> {
  return withClient(databaseUrl, async (client) => (await client.query<Row>(query)).rows)
}

async function count(databaseUrl: string, fromWhere: string): Promise<number> {
  const [row] = await select<{ n: number }>(databaseUrl, `select count(*)::integer as n from ${fromWhere}`)
  return row?.n ?? Number.NaN
}

describe('a seeded community', () => {
  let database: string

  beforeAll(async () => {
    database = await newDatabase()
    await seedCommunity(database, LARGE)
  })

  it('has the people and tweets that were asked for', async () => {
    expect(await count(database, 'users')).toBe(LARGE.users)
    expect(await count(database, 'tweets')).toBe(LARGE.tweets)
  })

  it('has counters that equal the rows they count', async () => {
    const wrongUsers = `users u where
      follower_count <> (select count(*) from follows f where f.following_id = u.id) or
      following_count <> (select count(*) from follows f where f.follower_id = u.id) or
      tweet_count <> (select count(*) from tweets t where t.user_id = u.id)`
    const wrongTweets = `tweets t where
      like_count <> (select count(*) from likes l where l.tweet_id = t.id) or
      retweet_count <> (select count(*) from retweets r where r.tweet_id = t.id) or
      reply_count <> (select count(*) from tweets r where r.reply_to_id = t.id) or
      quote_count <> 0 or bookmark_count <> 0`
    const wrongTags = `hashtags h where
      tweet_count <> (select count(*) from tweet_hashtags t where t.hashtag_id = h.id)`
    expect(await count(database, wrongUsers)).toBe(0)
    expect(await count(database, wrongTweets)).toBe(0)
    expect(await count(database, wrongTags)).toBe(0)
    for (const table of ['likes', 'retweets', 'tweet_hashtags', 'tweet_mentions']) {
      expect(await count(database, table)).toBeGreaterThan(0)
    }
  })

  it('leaves nothing to fold, to send or to keep warm', async () => {
    for (const table of ['counter_deltas', 'outbox', 'timelines'])
      expect(await count(database, table)).toBe(0)
  })

  it('replies later than what it replies to, within its conversation', async () => {
    const wrong = `tweets t left join tweets p on p.id = t.reply_to_id where
      case when t.reply_to_id is null then t.conversation_id <> t.id
           else not coalesce(p.id < t.id and p.created_at < t.created_at - interval '10 seconds' and
                             p.conversation_id = t.conversation_id, false) end`
    expect(await count(database, wrong)).toBe(0)
    const replies = await count(database, 'tweets where reply_to_id is not null')
    expect(replies / LARGE.tweets).toBeGreaterThan(0.18)
    expect(replies / LARGE.tweets).toBeLessThan(0.32)
  })

  it('happens within six weeks, and nothing of it in the future', async () => {
    const tweets = await select<{ id: string; at: number }>(
      database,
      `select id, (extract(epoch from created_at) * 1000)::float8 as at from tweets
       union all
       select id, (extract(epoch from created_at) * 1000)::float8 from retweets`,
    )
    const days = new Set<number>()
    for (const { id, at } of tweets) {
      expect(timeOf(Number(id) as TweetId)).toBe(at)
      expect(at).toBeLessThanOrEqual(NOW_MS)
      expect(at).toBeGreaterThan(NOW_MS - 43 * DAY_MS)
      days.add(Math.floor((NOW_MS - at) / DAY_MS))
    }
    expect(days.size).toBeGreaterThanOrEqual(42)
    const now = `timestamptz '${new Date(NOW_MS).toISOString()}'`
    expect(await count(database, `follows where created_at > ${now}`)).toBe(0)
    expect(
      await count(
        database,
        `likes l join tweets t on t.id = tweet_id where l.created_at > ${now} or l.created_at < t.created_at`,
      ),
    ).toBe(0)
    expect(
      await count(
        database,
        `follows f join users u on u.id in (follower_id, following_id) where f.created_at < u.created_at`,
      ),
    ).toBe(0)
  })

  it('keeps texts, entities, hashtags and mentions as the API would', async () => {
    const ids = new Map(
      (await select<{ id: string; username: string }>(database, 'select id, username from users')).map(
        ({ id, username }) => [username.toLowerCase(), Number(id)],
      ),
    )
    const tweets = await select<{ content: string; entities: unknown; tags: string[]; mentioned: string[] }>(
      database,
      `select content, entities,
         array(select tag from tweet_hashtags h join hashtags on hashtags.id = hashtag_id where h.tweet_id = t.id) as tags,
         array(select lower(username) from tweet_mentions m join users on users.id = m.user_id where m.tweet_id = t.id) as mentioned
       from tweets t`,
    )
    for (const { content, entities, tags, mentioned } of tweets) {
      const found = extractEntities(content)
      const mentions = found.mentions.map((mention) => ({
        ...mention,
        id: ids.get(mention.username.toLowerCase()),
      }))
      expect(entities).toEqual({ ...found, mentions })
      expect(tags.sort()).toEqual(uniqueTags(found).sort())
      expect(mentioned.sort()).toEqual(uniqueMentions(found).sort())
      expect(content).toBe(content.normalize('NFC').trim())
      expect(codePointLength(content)).toBeLessThanOrEqual(280)
      expect(content).not.toMatch(/[{}]/)
    }
    const mentioning = tweets.filter(({ mentioned }) => mentioned.length > 0)
    expect(mentioning.length / tweets.length).toBeGreaterThan(0.1)
    expect(mentioning.length / tweets.length).toBeLessThan(0.2)
  })

  it('respects private accounts', async () => {
    const hidden = `users a where a.is_private and a.id = t.user_id and a.id <> actor.user_id and not exists (
      select from follows f where f.follower_id = actor.user_id and f.following_id = a.id)`
    expect(await count(database, 'users where is_private')).toBeGreaterThan(10)
    expect(await count(database, 'users where is_private and verified')).toBe(0)
    expect(
      await count(
        database,
        `tweets actor join tweets t on t.id = actor.reply_to_id where exists (select from ${hidden})`,
      ),
    ).toBe(0)
    expect(
      await count(
        database,
        `likes actor join tweets t on t.id = actor.tweet_id where exists (select from ${hidden})`,
      ),
    ).toBe(0)
    expect(
      await count(
        database,
        'retweets r join tweets t on t.id = r.tweet_id join users a on a.id = t.user_id where a.is_private',
      ),
    ).toBe(0)
  })

  it('lets everybody in with the password that is printed', async () => {
    const hashes = await select<{ password_hash: string }>(
      database,
      'select distinct password_hash from users',
    )
    expect(hashes).toHaveLength(1)
    expect(await verifyPassword(SEED_PASSWORD, hashes[0]?.password_hash ?? '')).toMatchObject({
      matches: true,
    })
  })
})

describe('seeding', () => {
  /** All rows of the community but for the salt of its password. */
  async function fingerprint(databaseUrl: string) {
    const [row] = await select(
      databaseUrl,
      ['users', 'follows', 'tweets', 'likes', 'retweets', 'hashtags', 'tweet_hashtags', 'tweet_mentions']
        .map(
          (table) =>
            `(select md5(string_agg(r, ',' order by r)) from (select (to_jsonb(${table}) - 'password_hash')::text as r from ${table}) rows) as ${table}`,
        )
        .join(', ')
        .replace(/^/, 'select '),
    )
    return row
  }

  it('makes the same rows of the same seed, numbers and moment', async () => {
    const [one, two, other] = await Promise.all([newDatabase(), newDatabase(), newDatabase()])
    await seedCommunity(one, SMALL)
    await seedCommunity(two, SMALL)
    await seedCommunity(other, { ...SMALL, seed: 'another' })
    expect(await fingerprint(two)).toEqual(await fingerprint(one))
    expect(await fingerprint(other)).not.toEqual(await fingerprint(one))
  })

  it('leaves a community that is there already as it is, also a day later', async () => {
    const database = await newDatabase()
    const first = await seedCommunity(database, SMALL)
    const before = await fingerprint(database)
    const second = await seedCommunity(database, { ...SMALL, nowMs: NOW_MS + DAY_MS })
    expect(second).toEqual({ isNew: false, star: first.star })
    expect(await fingerprint(database)).toEqual(before)
  })

  it('adds other communities to what is there', async () => {
    const database = await newDatabase()
    await seedCommunity(database, SMALL)
    await seedCommunity(database, { ...SMALL, seed: 'another' })
    await seedCommunity(database, { ...SMALL, tweets: 500 })
    expect(await count(database, 'users')).toBe(180)
    expect(await count(database, 'tweets')).toBe(1_300)
    expect(
      await count(
        database,
        'hashtags h where tweet_count <> (select count(*) from tweet_hashtags t where t.hashtag_id = h.id)',
      ),
    ).toBe(0)
  })

  it('takes turns with another one that seeds the same', async () => {
    const database = await newDatabase()
    const both = await Promise.all([seedCommunity(database, SMALL), seedCommunity(database, SMALL)])
    expect(both.map(({ isNew }) => isNew).sort()).toEqual([false, true])
    expect(await count(database, 'tweets')).toBe(SMALL.tweets)
  })

  it('writes nothing when somebody has one of its names', async () => {
    const [rehearsal, database] = await Promise.all([newDatabase(), newDatabase()])
    const { star } = await seedCommunity(rehearsal, SMALL)
    await select(
      database,
      `insert into users (id, username, email, password_hash, display_name) values (1, upper('${star}'), 'a@b.example', '', 'A')`,
    )
    await expect(seedCommunity(database, SMALL)).rejects.toThrow(StackError)
    expect(await count(database, 'users')).toBe(1)
    expect(await count(database, 'hashtags')).toBe(0)
  })

  it('writes all or nothing', async () => {
    const database = await newDatabase()
    await select(
      database,
      `create function refuse() returns trigger language plpgsql as $$ begin raise 'no likes today'; end $$;
       create trigger refuse before insert on likes execute function refuse()`,
    )
    await expect(seedCommunity(database, SMALL)).rejects.toThrow('no likes today')
    for (const table of ['users', 'tweets', 'hashtags']) expect(await count(database, table)).toBe(0)
    await select(database, 'drop trigger refuse on likes')
    expect(await seedCommunity(database, SMALL)).toMatchObject({ isNew: true })
    expect(await count(database, 'tweets')).toBe(SMALL.tweets)
  })

  it('is a command that says what it did, and what is wrong with its arguments', async () => {
    const database = await newDatabase()
    const seed = (...args: string[]) =>
      run(process.execPath, [join(PROJECT_ROOT, 'tools', 'seed.ts'), ...args], {
        env: { ...process.env, DATABASE_URL: database },
      })
    const first = await seed('--users', '30', '--tweets', '90')
    expect(first.stdout).toContain('Seeding 30 people and 90 tweets')
    expect(first.stdout).toContain('All of it is there now')
    expect(first.stdout).toContain(SEED_PASSWORD)
    expect(first.stderr).toContain('100 %')
    const second = await seed('--users', '30', '--tweets', '90')
    expect(second.stdout).toContain('is there already')
    await expect(seed('--users', 'many')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--users must be'),
    })
    await expect(seed('--now', '2999-01-01')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--now must be'),
    })
  })
})

describe('the demo community', () => {
  it('has an account whose home timeline is alive', async () => {
    const database = await newDatabase()
    const { username, password } = await seedDemoCommunity(database)
    const [demo] = await select<{ id: string; password_hash: string; follower_count: number }>(
      database,
      `select id, password_hash, follower_count from users where username = '${username}'`,
    )
    expect(await verifyPassword(password, demo?.password_hash ?? '')).toMatchObject({ matches: true })
    expect(demo?.follower_count).toBeGreaterThan(3)
    const home = `tweets t join follows f on f.following_id = t.user_id where f.follower_id = ${demo?.id}`
    expect(await count(database, `follows where follower_id = ${demo?.id}`)).toBeGreaterThanOrEqual(25)
    expect(await count(database, home)).toBeGreaterThan(400)
    expect(await count(database, `${home} and t.created_at > now() - interval '1 day'`)).toBeGreaterThan(20)
    expect(await count(database, `tweets where user_id = ${demo?.id}`)).toBeGreaterThan(5)
  })

  it('says nothing twice in its newest tweets', async () => {
    const database = await newDatabase()
    await seedDemoCommunity(database, NOW_MS)
    const newest = `(select split_part(content, '#', 1) as words from tweets where reply_to_id is null order by id desc limit 200) newest`
    expect(await count(database, newest)).toBe(200)
    expect(await count(database, `(select distinct words from ${newest}) said`)).toBe(200)
  })

  it('is loaded once', async () => {
    const database = await newDatabase()
    const first = await seedDemoCommunity(database)
    expect(await seedDemoCommunity(database)).toEqual(first)
    expect(await count(database, 'tweets')).toBe(1_500)
  })
})
