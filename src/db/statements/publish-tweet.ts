import { type SQL, sql } from 'drizzle-orm'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { TweetId, UserId } from '../../domain/ids.ts'
import { array, brokenConstraint, type Db, transaction } from '../client.ts'
import { claimIdempotencyKey, releaseIdempotencyKey } from './idempotency-keys.ts'
import { judgeNamed, namedBy } from './named-tweets.ts'
import { outboxRecord, outboxRow } from './outbox.ts'
import { type Quota, quotaFreeInSeconds, takeQuota } from './quotas.ts'
import { plainTweetRecord, type TweetRecord, tweetRecord } from './tweet-columns.ts'
import { entitiesOf, hashtagsNamed, insertHashtags, type NewEntities, peopleNamed } from './tweet-tags.ts'
import { NOBODY } from './visibility.ts'

export interface NewTweet extends NewEntities {
  id: TweetId
  content: string
  isSensitive: boolean
  createdAtMs: number
  /** In a thread, but for its first tweet, the one before. */
  replyToId: TweetId | null
  quoteTweetId: TweetId | null
  poll: { options: string[]; endsAtMs: number } | null
}

/** What is published together, all or nothing: a tweet, or a thread in its order. */
export interface Publication {
  authorId: UserId
  tweets: readonly [NewTweet, ...NewTweet[]]
  /** Tells this request's own insert from another's that happened to take the same id. */
  nonce: string
  idempotency: { key: string; requestHash: string } | null
}

/** A tweet as its author sees it, and as everybody may: what cards are made of. Neither shows the poll. */
export interface PublishedTweet {
  tweet: TweetRecord
  card: TweetRecord
}

export type Published =
  | { outcome: 'published'; tweets: PublishedTweet[]; hashtag_ids: number[]; outbox: OutboxRow[] }
  /** What a tweet answers or quotes may not be; `place` counts the tweets from 0. */
  | {
      outcome: 'refused'
      code: 'tweet_not_found' | 'blocked' | 'forbidden'
      field: 'reply_to_id' | 'quote_tweet_id'
      place: number
    }
  | { outcome: 'rate_limited'; retry_after_seconds: number }
  /** The Idempotency-Key has a first result: what begins with this tweet. */
  | { outcome: 'repeated'; tweet_id: TweetId }
  /** `mine`: the first try of this very request had succeeded and its answer was lost. */
  | { outcome: 'taken'; mine: boolean }
  | { outcome: 'idempotency_conflict' | 'unauthenticated' | 'suspended' }

/**
 * Publishes in one round trip: the tweets with their polls, hashtags and mentions, the quota, the ledger and the
 * outbox, all or nothing. A transaction rather than one statement because hashtags and the Idempotency-Key
 * wait for others that insert the same, and only a statement that starts after that wait sees what they did.
 */
export async function insertTweets(db: Db, publication: Publication, quota: Quota): Promise<Published> {
  const write = () =>
    transaction<{ result: Published }>(db, {
      before: [claimIdempotencyKey(publication), insertHashtags(publication.authorId, tagsOf(publication))],
      main: writeTweets(publication, quota),
      after: [releaseIdempotencyKey(publication)],
    })
  const [row] = await write().catch((error: unknown) => {
    if (!isTakenId(error)) throw error
    return write()
  })
  if (row === undefined) throw new Error('Publishing answered no row')
  return row.result
}

/** Another insert took an id during this one, which was undone: the next statement sees whose it is. */
function isTakenId(error: unknown): boolean {
  return /^tweets_\w+_pkey$/.test(brokenConstraint(error) ?? '')
}

function tagsOf({ tweets }: Publication): string[] {
  return [...new Set(tweets.flatMap(({ tags }) => tags))]
}

/** The tweets as the rows that the statement reads. */
function givenRows({ tweets }: Publication): object[] {
  return tweets.map((tweet, place) => ({
    place,
    id: tweet.id,
    content: tweet.content,
    entities: tweet.entities,
    tags: tweet.tags,
    mentioned: tweet.mentioned,
    is_sensitive: tweet.isSensitive,
    created_at_ms: tweet.createdAtMs,
    reply_to_id: tweet.replyToId,
    quote_tweet_id: tweet.quoteTweetId,
    poll_options: tweet.poll?.options ?? null,
    poll_ends_at_ms: tweet.poll?.endsAtMs ?? null,
  }))
}

function writeTweets(publication: Publication, quota: Quota): SQL {
  const { authorId, tweets, nonce, idempotency } = publication
  const [first] = tweets
  const ids = array(
    tweets.map(({ id }) => id),
    'bigint',
  )
  return sql`
    with author as (
      select suspended_at from users where id = ${authorId} and is_active
    ), given as materialized (
      select *
      from jsonb_to_recordset(${JSON.stringify(givenRows(publication))}::jsonb) as g(
        place int, id bigint, content text, entities jsonb, tags jsonb, mentioned jsonb, is_sensitive boolean,
        created_at_ms float8, reply_to_id bigint, quote_tweet_id bigint, poll_options jsonb, poll_ends_at_ms float8)
    ), earlier as (
      select result_id, request_hash
      from idempotency_keys
      where user_id = ${authorId} and key = ${idempotency?.key ?? null} and result_id <> ${first.id}
    ), taken as (
      select bool_or(id = ${first.id} and nonce = ${nonce}::uuid) as mine
      from tweets
      where id = any(${ids})
      having count(*) > 0
    ), named as materialized (${judgeNamed(authorId, namedBy(publication))}
    ), gate as (
      select case
        when not exists (select from author) then 'unauthenticated'
        when (select suspended_at from author) is not null then 'suspended'
        when exists (select from earlier where request_hash = ${idempotency?.requestHash ?? null}) then 'repeated'
        when exists (select from earlier) then 'idempotency_conflict'
        when exists (select from taken) then 'taken'
        when exists (select from named where refusal is not null) then 'refused'
      end as refusal
    ), quota as (${takeQuota(authorId, quota, sql`(select refusal from gate) is null`, tweets.length)}
    ), people as materialized (${peopleNamed([...new Set(tweets.flatMap(({ mentioned }) => mentioned))])}
    ), known_tags as materialized (${hashtagsNamed(tagsOf(publication))}
    ), tweet as (
      insert into tweets (id, nonce, user_id, content, entities, reply_to_id, reply_to_user_id, quote_tweet_id,
                          conversation_id, is_sensitive, created_at)
      select g.id, ${nonce}::uuid, ${authorId}::bigint, g.content, ${entitiesOf(sql`g.entities`)},
             g.reply_to_id,
             case when g.reply_to_id is not null then coalesce(parent.user_id, ${authorId}::bigint) end,
             g.quote_tweet_id,
             coalesce((select conversation_id from named where field = 'reply_to_id'), ${first.id}::bigint),
             g.is_sensitive, to_timestamp(g.created_at_ms / 1000)
      from quota
      cross join given g
      left join named parent on parent.place = g.place and parent.field = 'reply_to_id'
      order by g.id
      returning *
    ), ${dependants}, ${ledger(authorId)}, sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${outboxRow(
        'fan-out',
        sql`jsonb_build_object('type', 'tweet_published', 'v', 1, 'tweet_id', id, 'author_id', user_id)`,
      )}
      from tweet
      order by id
      returning id, queue, message
    )
    select case
      when exists (select from tweet) then json_build_object(
        'outcome', 'published',
        'tweets', (
          select json_agg(${publishedRecord(publication)} order by t.id)
          from tweet t
          join users u on u.id = t.user_id),
        'hashtag_ids', coalesce((select json_agg(distinct hashtag_id) from tagged), '[]'),
        'outbox', (select json_agg(${outboxRecord}) from sent))
      when (select refusal from gate) = 'repeated' then json_build_object(
        'outcome', 'repeated', 'tweet_id', (select result_id from earlier))
      when (select refusal from gate) = 'taken' then json_build_object(
        'outcome', 'taken', 'mine', (select mine from taken))
      when (select refusal from gate) = 'refused' then (
        select json_build_object('outcome', 'refused', 'code', refusal, 'field', field, 'place', place)
        from named
        where refusal is not null
        order by place, field desc
        limit 1)
      when (select refusal from gate) is not null then json_build_object('outcome', (select refusal from gate))
      else json_build_object(
        'outcome', 'rate_limited',
        'retry_after_seconds', ${quotaFreeInSeconds(authorId, quota, tweets.length)})
    end as result`
}

/** The PublishedTweet of `t` and its author `u`. */
function publishedRecord({ authorId, tweets }: Publication): SQL {
  const quotes = tweets.some(({ quoteTweetId }) => quoteTweetId !== null)
  const [asAuthor, asNobody] = quotes
    ? [tweetRecord(authorId), tweetRecord(NOBODY)]
    : [plainTweetRecord, plainTweetRecord]
  return sql`json_build_object('tweet', ${asAuthor}, 'card', ${asNobody})`
}

/** What is stored beside the tweets. */
const dependants = sql`tagged as (
      insert into tweet_hashtags (tweet_id, hashtag_id)
      select tweet.id, known_tags.id
      from tweet
      join given using (id)
      cross join jsonb_array_elements_text(given.tags) as written(tag)
      join known_tags on known_tags.tag = written.tag
      returning tweet_id, hashtag_id
    ), mentioned as (
      insert into tweet_mentions (tweet_id, user_id)
      select tweet.id, people.id
      from tweet
      join given using (id)
      cross join jsonb_array_elements_text(given.mentioned) as written(username)
      join people on people.username = written.username
    ), poll as (
      insert into polls (tweet_id, ends_at)
      select tweet.id, to_timestamp(given.poll_ends_at_ms / 1000)
      from tweet
      join given using (id)
      where given.poll_ends_at_ms is not null
    ), poll_option as (
      insert into poll_options (tweet_id, position, text)
      select tweet.id, choice.place - 1, choice.text
      from tweet
      join given using (id)
      cross join jsonb_array_elements_text(given.poll_options) with ordinality as choice(text, place)
      where given.poll_ends_at_ms is not null
    )`

/** A tweet counts for its author, its hashtags, the tweet that it answers and the one that it quotes. */
function ledger(author: UserId): SQL {
  return sql`ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'user', ${author}::bigint, 'tweet_count', count(*) from tweet having count(*) > 0
      union all
      select 'hashtag', hashtag_id, 'tweet_count', count(*) from tagged group by hashtag_id
      union all
      select 'tweet', reply_to_id, 'reply_count', count(*)
      from tweet where reply_to_id is not null group by reply_to_id
      union all
      select 'tweet', quote_tweet_id, 'quote_count', count(*)
      from tweet where quote_tweet_id is not null group by quote_tweet_id
    )`
}
