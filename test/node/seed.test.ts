import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TweetId, timeOf } from '../../src/domain/ids.ts'
import { codePointLength, extractEntities, uniqueMentions, uniqueTags } from '../../src/domain/tweet-text.ts'
import { verifyPassword } from '../../src/passwords/scrypt.ts'
import { seedDemoCommunity } from '../../tools/seed/demo.ts'
import { SEED_PASSWORD, type SeedRequest, seedCommunity } from '../../tools/seed/seed-community.ts'
import { count, type ScratchDatabases, select, startScratchDatabases } from './harness/scratch-databases.ts'

const NOW_MS = Date.UTC(2026, 9, 20, 18, 30)
const DAY_MS = 86_400_000
const REQUEST: SeedRequest = { users: 1_000, tweets: 8_000, seed: 'test', nowMs: NOW_MS }

let databases: ScratchDatabases

beforeAll(async () => {
  databases = await startScratchDatabases()
})

afterAll(() => databases.stop())

describe('a seeded community', () => {
  let database: string

  beforeAll(async () => {
    database = await databases.create()
    await seedCommunity(database, REQUEST)
  })

  it('has the people and tweets that were asked for', async () => {
    expect(await count(database, 'users')).toBe(REQUEST.users)
    expect(await count(database, 'tweets')).toBe(REQUEST.tweets)
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

  it('leaves nothing to fold or to keep warm, and to send that search finds all of it', async () => {
    for (const table of ['counter_deltas', 'timelines']) expect(await count(database, table)).toBe(0)
    expect(await count(database, "outbox where message ->> 'type' = 'reindex'")).toBe(
      await count(database, 'outbox'),
    )
  })

  it('replies later than what it replies to, within its conversation', async () => {
    const wrong = `tweets t left join tweets p on p.id = t.reply_to_id where
      t.reply_to_user_id is distinct from p.user_id or
      case when t.reply_to_id is null then t.conversation_id <> t.id
           else not coalesce(p.id < t.id and p.created_at < t.created_at - interval '10 seconds' and
                             p.conversation_id = t.conversation_id, false) end`
    expect(await count(database, wrong)).toBe(0)
    const replies = await count(database, 'tweets where reply_to_id is not null')
    expect(replies / REQUEST.tweets).toBeGreaterThan(0.18)
    expect(replies / REQUEST.tweets).toBeLessThan(0.32)
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

describe('the demo community', () => {
  it('has an account whose home timeline is alive', async () => {
    const database = await databases.create()
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
    const database = await databases.create()
    await seedDemoCommunity(database, NOW_MS)
    const newest = `(select split_part(content, '#', 1) as words from tweets where reply_to_id is null order by id desc limit 200) newest`
    expect(await count(database, newest)).toBe(200)
    expect(await count(database, `(select distinct words from ${newest}) said`)).toBe(200)
  })

  it('is loaded once', async () => {
    const database = await databases.create()
    const first = await seedDemoCommunity(database)
    expect(await seedDemoCommunity(database)).toEqual(first)
    expect(await count(database, 'tweets')).toBe(1_500)
  })
})
