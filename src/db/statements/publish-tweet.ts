import { type SQL, sql } from 'drizzle-orm'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { TweetId, UserId } from '../../domain/ids.ts'
import { array, brokenConstraint, type Db, transaction } from '../client.ts'
import { claimIdempotencyKey, releaseIdempotencyKey } from './idempotency-keys.ts'
import { namedBy } from './named-tweets.ts'
import { type NewRow, newColumns, newRow, newTweetRecord } from './new-tweets.ts'
import { outboxRecord, outboxRow, searchRow } from './outbox.ts'
import {
  type Carried,
  dependants,
  earlierResult,
  givenTweets,
  ledger,
  namedTweets,
  notifies,
  only,
  peopleAndTags,
  tagsOf,
} from './publication-parts.ts'
import { type Quota, quotaFreeInSeconds, takeQuota } from './quotas.ts'
import { type TweetRecord, tweetRecord } from './tweet-columns.ts'
import { entitiesOf, insertHashtags, type NewEntities } from './tweet-tags.ts'
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
    transaction<{ result: Written }>(db, {
      before: [claimIdempotencyKey(publication), insertHashtags(publication.authorId, tagsOf(publication))],
      main: writeTweets(publication, quota),
      after: [releaseIdempotencyKey(publication)],
    })
  const [row] = await write().catch((error: unknown) => {
    if (!isTakenId(error)) throw error
    return write()
  })
  if (row === undefined) throw new Error('Publishing answered no row')
  return published(publication, row.result)
}

/** As the statement answers it: of tweets that quote nothing, only what was not known before. */
type Written =
  | Exclude<Published, { outcome: 'published' }>
  | (Omit<Extract<Published, { outcome: 'published' }>, 'tweets'> & { tweets: (PublishedTweet | NewRow)[] })

function published({ tweets }: Publication, written: Written): Published {
  if (written.outcome !== 'published') return written
  const records = tweets.map((tweet, place): PublishedTweet => {
    const row = written.tweets[place]
    if (row === undefined) throw new Error('Publishing answered too few tweets')
    if ('card' in row) return row
    const record = newTweetRecord(tweet, row)
    return { tweet: record, card: record }
  })
  return { ...written, tweets: records }
}

/** Another insert took an id during this one, which was undone: the next statement sees whose it is. */
function isTakenId(error: unknown): boolean {
  return /^tweets_\w+_pkey$/.test(brokenConstraint(error) ?? '')
}

/** What of a publication needs more than a plain tweet does. */
function carriedBy(publication: Publication): Carried {
  const { tweets, idempotency } = publication
  return {
    key: idempotency !== null,
    named: namedBy(publication).length > 0,
    replies: tweets.some(({ replyToId }) => replyToId !== null),
    quotes: tweets.some(({ quoteTweetId }) => quoteTweetId !== null),
    tags: tweets.some(({ tags }) => tags.length > 0),
    mentions: tweets.some(({ mentioned }) => mentioned.length > 0),
    polls: tweets.some(({ poll }) => poll !== null),
  }
}

/**
 * The statement has only the parts that its tweets need: to parse and plan the others costs a plain tweet more than all
 * that is written.
 */
function writeTweets(publication: Publication, quota: Quota): SQL {
  const { authorId, tweets, nonce } = publication
  const [first] = tweets
  const carried = carriedBy(publication)
  const ids = array(
    tweets.map(({ id }) => id),
    'bigint',
  )
  const inThread = sql`${authorId}::bigint`
  return sql`
    with author as materialized (
      select id, username, display_name, avatar_url, verified, revision, suspended_at
      from users
      where id = ${authorId} and is_active
    ), given as materialized (${givenTweets(publication)}
    ), taken as (
      select bool_or(id = ${first.id} and nonce = ${nonce}::uuid) as mine
      from tweets
      where id = any(${ids})
      having count(*) > 0
    )${only(carried.key, earlierResult(publication))}${only(carried.named, namedTweets(publication))}, gate as (
      select case
        when author.id is null then 'unauthenticated'
        when author.suspended_at is not null then 'suspended'
        ${only(carried.key, sql`when earlier.is_same then 'repeated' when not earlier.is_same then 'idempotency_conflict'`)}
        when taken.mine is not null then 'taken'
        ${only(carried.named, sql`when exists (select from named where refusal is not null) then 'refused'`)}
      end as refusal
      from (select) this
      left join author on true
      left join taken on true
      ${only(carried.key, sql`left join earlier on true`)}
    ), quota as (${takeQuota(authorId, quota, sql`(select refusal from gate) is null`, tweets.length)}
    )${peopleAndTags(publication)}, tweet as (
      insert into tweets (id, nonce, user_id, content, entities, reply_to_id, reply_to_user_id, quote_tweet_id,
                          conversation_id, is_sensitive, created_at)
      select g.id, ${nonce}::uuid, ${authorId}::bigint, g.content,
             ${carried.mentions ? entitiesOf(sql`g.entities`) : sql`g.entities`}, g.reply_to_id,
             case when g.reply_to_id is not null then ${
               carried.named ? sql`coalesce(parent.user_id, ${inThread})` : inThread
             } end,
             g.quote_tweet_id,
             ${carried.named ? sql`coalesce((select conversation_id from named where field = 'reply_to_id'), ${first.id}::bigint)` : sql`${first.id}::bigint`},
             g.is_sensitive, to_timestamp(g.created_at_ms / 1000)
      from quota
      cross join given g
      ${only(carried.named, sql`left join named parent on parent.place = g.place and parent.field = 'reply_to_id'`)}
      order by g.id
      returning ${carried.quotes ? sql`*` : newColumns}
    )${dependants(carried)}, ${ledger(authorId, carried)}, sent as (
      insert into outbox (queue, message, next_attempt_at)
      (select ${outboxRow(
        'fan-out',
        sql`jsonb_build_object('type', 'tweet_published', 'v', 1, 'tweet_id', id, 'author_id', user_id)`,
      )}
       from tweet
       order by id)
      union all
      select ${searchRow('tweet_changed', sql`'tweet_id', id`)} from tweet
      union all
      ${notifies(authorId, carried)}
      returning id, queue, message
    )
    select case
      when exists (select from tweet) then json_build_object(
        'outcome', 'published',
        'tweets', (select json_agg(${publishedRecord(publication)} order by t.id) from tweet t, author u),
        'hashtag_ids', ${carried.tags ? sql`coalesce((select json_agg(distinct hashtag_id) from tagged), '[]')` : sql`'[]'::json`},
        'outbox', (select json_agg(${outboxRecord}) from sent))
      else (
        select case
          when refusal is null then json_build_object(
            'outcome', 'rate_limited',
            'retry_after_seconds', ${quotaFreeInSeconds(authorId, quota, tweets.length)})
          when refusal = 'taken' then json_build_object('outcome', refusal, 'mine', (select mine from taken))
          ${only(
            carried.key,
            sql`when refusal = 'repeated' then json_build_object(
                  'outcome', refusal, 'tweet_id', (select result_id from earlier))`,
          )}
          ${only(
            carried.named,
            sql`when refusal = 'refused' then (
                  select json_build_object('outcome', 'refused', 'code', n.refusal, 'field', n.field, 'place', n.place)
                  from named n
                  where n.refusal is not null
                  order by n.place, n.field desc
                  limit 1)`,
          )}
          else json_build_object('outcome', refusal)
        end
        from gate)
    end as result`
}

/** The PublishedTweet or NewRow of `t` and its author `u`. */
function publishedRecord({ authorId, tweets }: Publication): SQL {
  return tweets.some(({ quoteTweetId }) => quoteTweetId !== null)
    ? sql`json_build_object('tweet', ${tweetRecord(authorId)}, 'card', ${tweetRecord(NOBODY)})`
    : newRow
}
