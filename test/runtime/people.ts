import { env } from 'cloudflare:workers'
import { sql } from 'drizzle-orm'
import { unpackPage } from '../../src/contracts/packed-page.ts'
import { array } from '../../src/db/client.ts'
import { type EntryId, newTweetId, newUserId, type TweetId, type UserId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { signAccessToken } from '../../src/services/tokens.ts'
import { configurationOf } from '../../src/worker/env.ts'
import type { TimelineObject } from '../../src/worker/index.ts'
import { rows, uniqueName } from './harness.ts'

const HOUR_MS = 3_600_000

/** As many users as wanted, straight into the database: registering costs a password's hash each. */
export async function insertPeople(count: number): Promise<Viewer[]> {
  // Successive milliseconds of some moment that no other test has picked.
  const bornMs = Date.now() - HOUR_MS * (1 + Math.random() * 10_000)
  const people = Array.from({ length: count }, (_, index): Viewer => {
    const id = newUserId(bornMs + index, Math.random)
    return { id, username: uniqueName('p'), sessionId: crypto.randomUUID(), role: 'user' }
  })
  const ids = array(
    people.map(({ id }) => id),
    'bigint',
  )
  const names = array(
    people.map(({ username }) => username),
    'text',
  )
  await rows(sql`
    insert into users (id, username, email, password_hash, display_name)
    select id, name, name || '@example.com', '', name from unnest(${ids}, ${names}) as person(id, name)`)
  return people
}

export async function insertPerson(): Promise<Viewer> {
  const [person] = await insertPeople(1)
  if (person === undefined) throw new Error('Nobody was inserted')
  return person
}

export function tokenOf(person: Viewer): Promise<string> {
  return signAccessToken(configurationOf(env).settings.accessKeys, person, Date.now())
}

export function timelineOf({ id }: { id: UserId }): DurableObjectStub<TimelineObject> {
  return env.TIMELINES.getByName(String(id))
}

/** The ids of the newest entries that a timeline shows, which builds it when it is cold. */
export async function homeIds(person: Viewer, limit = 1000): Promise<number[]> {
  const result = await timelineOf(person).page({ limit, before: null, top: null, offset: 0 })
  if (!result.ok) throw new Error(`The timeline of ${person.id} is ${result.code}`)
  return unpackPage(result.page).entries.map(({ id }) => id)
}

/** Makes each of them a follower in the database, in one statement. */
export async function insertFollowers(followers: readonly Viewer[], followee: Viewer): Promise<void> {
  const ids = array(
    followers.map(({ id }) => id),
    'bigint',
  )
  await rows(sql`
    with added as (
      insert into follows (follower_id, following_id) select unnest(${ids}), ${followee.id} returning follower_id
    )
    update users set graph_version = graph_version + 1 where id in (select follower_id from added)`)
}

/** Says that these timelines are warm, without there being any: for fan-out that a port takes. */
export async function markWarm(people: readonly Viewer[]): Promise<void> {
  const ids = array(
    people.map(({ id }) => id),
    'bigint',
  )
  await rows(sql`insert into timelines (user_id, epoch) select unnest(${ids}), 1`)
}

export interface TweetRow {
  id: TweetId
  author: Viewer
  replyTo?: TweetId
  quotes?: TweetId
}

/** Tweets straight into the database: no fan-out, no counters. */
export async function insertTweets(tweets: readonly TweetRow[]): Promise<void> {
  const given = tweets.map(({ id, author, replyTo = null, quotes = null }) => ({
    id,
    author_id: author.id,
    reply_to_id: replyTo,
    quote_tweet_id: quotes,
  }))
  await rows(sql`
    with given as (
      select * from jsonb_to_recordset(${JSON.stringify(given)}::jsonb)
        as t(id bigint, author_id bigint, reply_to_id bigint, quote_tweet_id bigint)
    )
    insert into tweets (id, nonce, user_id, content, entities, conversation_id, reply_to_id, reply_to_user_id,
                        quote_tweet_id)
    select id, gen_random_uuid(), author_id, 'Tweet ' || id,
           '{"hashtags": [], "mentions": [], "urls": []}', coalesce(reply_to_id, id), reply_to_id,
           coalesce((select user_id from tweets t where t.id = given.reply_to_id),
                    (select author_id from given answered where answered.id = given.reply_to_id)),
           quote_tweet_id
    from given`)
}

export interface RetweetRow {
  id: EntryId
  by: Viewer
  tweet: TweetId
}

/** Retweets straight into the database: no fan-out, no counters. */
export async function insertRetweets(retweets: readonly RetweetRow[]): Promise<void> {
  const given = retweets.map(({ id, by, tweet }) => ({ id, user_id: by.id, tweet_id: tweet }))
  await rows(sql`
    insert into retweets (id, user_id, tweet_id)
    select id, user_id, tweet_id
    from jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as r(id bigint, user_id bigint, tweet_id bigint)`)
}

/** One tweet of each moment (Unix milliseconds), in the order of the moments. */
export async function insertTweetsAt(author: Viewer, momentsMs: readonly number[]): Promise<TweetId[]> {
  const ids = momentsMs.map((ms) => newTweetId(ms, author.id, Math.random))
  await insertTweets(ids.map((id) => ({ id, author })))
  return ids
}

/** So many tweets, a second apart up to now, the newest first. */
export function insertRecentTweets(author: Viewer, count: number): Promise<TweetId[]> {
  const nowMs = Date.now()
  return insertTweetsAt(
    author,
    Array.from({ length: count }, (_, index) => nowMs - index * 1000),
  )
}
