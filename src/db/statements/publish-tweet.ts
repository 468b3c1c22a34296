import { sql } from 'drizzle-orm'
import type { Entities } from '../../contracts/http/tweets.ts'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { TweetId, UserId } from '../../domain/ids.ts'
import { array, brokenConstraint, type Db, transaction } from '../client.ts'
import { outboxRecord, outboxRow } from './outbox.ts'
import type { UserCardRow } from './profile-columns.ts'
import { type Quota, quotaFreeInSeconds, takeQuota } from './quotas.ts'
import { userRecord } from './tweet-columns.ts'
import { isPresent } from './visibility.ts'

export interface NewTweet {
  id: TweetId
  /** Tells this request's own insert from another's that happened to take the same id. */
  nonce: string
  authorId: UserId
  content: string
  /** Mentions are candidates: those that name nobody are dropped. */
  entities: { hashtags: Entities['hashtags']; mentions: object[]; urls: Entities['urls'] }
  /** Folded hashtags, each once. */
  tags: string[]
  /** Folded usernames, each once. */
  mentioned: string[]
  isSensitive: boolean
  createdAtMs: number
  idempotency: { key: string; requestHash: string } | null
}

export type Published =
  | {
      outcome: 'published'
      user: UserCardRow
      revision: string
      entities: Entities
      hashtag_ids: number[]
      outbox: OutboxRow[]
    }
  | { outcome: 'rate_limited'; retry_after_seconds: number }
  /** The Idempotency-Key has a first result: this tweet. */
  | { outcome: 'repeated'; tweet_id: number }
  /** `mine`: the first try of this very request had succeeded and its answer was lost. */
  | { outcome: 'taken'; mine: boolean }
  | { outcome: 'idempotency_conflict' | 'unauthenticated' | 'suspended' }

/**
 * Publishes a tweet in one round trip: the tweet, its hashtags and mentions, the quota, the ledger and the
 * outbox, all or nothing. A transaction rather than one statement because hashtags and the Idempotency-Key
 * wait for others that insert the same, and only a statement that starts after that wait sees what they did.
 */
export async function insertTweet(db: Db, tweet: NewTweet, quota: Quota): Promise<Published> {
  const write = () =>
    transaction<{ result: Published }>(db, {
      before: [claimIdempotencyKey(tweet), insertHashtags(tweet)],
      main: writeTweet(tweet, quota),
      after: [releaseIdempotencyKey(tweet)],
    })
  const [row] = await write().catch((error: unknown) => {
    if (!isTakenId(error)) throw error
    return write()
  })
  if (row === undefined) throw new Error('Publishing answered no row')
  return row.result
}

/** Another insert took the id during this one, which was undone: the next statement sees whose it is. */
function isTakenId(error: unknown): boolean {
  return /^tweets_\w+_pkey$/.test(brokenConstraint(error) ?? '')
}

/** Waits for another request with the same key. A key older than 24 hours is free again. */
function claimIdempotencyKey({ id, authorId, idempotency }: NewTweet) {
  if (idempotency === null) return null
  return sql`
    insert into idempotency_keys as k (user_id, key, request_hash, result_id)
    select id, ${idempotency.key}, ${idempotency.requestHash}, ${id} from users where id = ${authorId}
    on conflict (user_id, key) do update
    set request_hash = excluded.request_hash, result_id = excluded.result_id, created_at = now()
    where k.created_at < now() - interval '24 hours'`
}

/** A request that was refused leaves its key free. `xmin`: what another request claimed is not this one's to release. */
function releaseIdempotencyKey({ id, nonce, authorId, idempotency }: NewTweet) {
  if (idempotency === null) return null
  return sql`
    delete from idempotency_keys
    where user_id = ${authorId} and key = ${idempotency.key} and xmin = pg_current_xact_id()::xid
      and not exists (select from tweets where id = ${id} and nonce = ${nonce})`
}

/**
 * In order, so that two tweets with the same new hashtags cannot deadlock. A hashtag that a refused tweet leaves
 * behind is on no tweet and counts none; an author who may not write leaves none.
 */
function insertHashtags({ authorId, tags }: NewTweet) {
  if (tags.length === 0) return null
  return sql`
    insert into hashtags (tag)
    select given.tag
    from unnest(${array(tags, 'text')}) as given(tag)
    where not exists (select from hashtags h where h.tag = given.tag)
      and exists (select from users u where u.id = ${authorId} and ${isPresent})
    order by given.tag
    on conflict do nothing`
}

function writeTweet(tweet: NewTweet, quota: Quota) {
  const { id, nonce, authorId, content, entities, tags, mentioned, isSensitive, createdAtMs, idempotency } =
    tweet
  return sql`
    with author as (
      select u.id, u.suspended_at, ${userRecord('u')} as card, u.revision
      from users u
      where u.id = ${authorId} and u.is_active
    ), first as (
      select result_id, request_hash
      from idempotency_keys
      where user_id = ${authorId} and key = ${idempotency?.key ?? null} and result_id <> ${id}
    ), taken as (
      select nonce = ${nonce}::uuid as mine from tweets where id = ${id}
    ), gate as (
      select case
        when not exists (select from author) then 'unauthenticated'
        when (select suspended_at from author) is not null then 'suspended'
        when exists (select from first where request_hash = ${idempotency?.requestHash ?? null}) then 'repeated'
        when exists (select from first) then 'idempotency_conflict'
        when exists (select from taken) then 'taken'
      end as refusal
    ), quota as (${takeQuota(authorId, quota, sql`(select refusal from gate) is null`)}
    ), mentions as (
      select u.id, lower(u.username) as username
      from users u
      where lower(u.username) = any(${array(mentioned, 'text')}) and ${isPresent}
    ), tweet as (
      insert into tweets (id, nonce, user_id, content, entities, conversation_id, is_sensitive, created_at)
      select ${id}, ${nonce}::uuid, ${authorId}, ${content},
             jsonb_build_object(
               'hashtags', e -> 'hashtags',
               'urls', e -> 'urls',
               'mentions', coalesce((
                 select jsonb_agg(m || jsonb_build_object('id', mentions.id) order by place)
                 from jsonb_array_elements(e -> 'mentions') with ordinality as given(m, place)
                 join mentions on mentions.username = lower(m ->> 'username')), '[]'::jsonb)),
             ${id}, ${isSensitive}, to_timestamp(${createdAtMs}::float8 / 1000)
      from quota, (select ${JSON.stringify(entities)}::jsonb as e) given
      returning entities, revision
    ), tagged as (
      insert into tweet_hashtags (tweet_id, hashtag_id)
      select ${id}, h.id from hashtags h, tweet where h.tag = any(${array(tags, 'text')})
      returning hashtag_id
    ), mentioned as (
      insert into tweet_mentions (tweet_id, user_id) select ${id}, mentions.id from mentions, tweet
    ), ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'user', ${authorId}, 'tweet_count', 1 from tweet
      union all
      select 'hashtag', hashtag_id, 'tweet_count', 1 from tagged
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${outboxRow(
        'fan-out',
        sql`jsonb_build_object('type', 'tweet_published', 'v', 1, 'tweet_id', ${id}::bigint, 'author_id', ${authorId}::bigint)`,
      )}
      from tweet
      returning id, queue, message
    )
    select case
      when exists (select from tweet) then json_build_object(
        'outcome', 'published',
        'user', (select card from author),
        'revision', (select tweet.revision || '.' || author.revision from tweet, author),
        'entities', (select entities from tweet),
        'hashtag_ids', coalesce((select json_agg(hashtag_id) from tagged), '[]'),
        'outbox', (select json_agg(${outboxRecord}) from sent))
      when (select refusal from gate) = 'repeated' then json_build_object(
        'outcome', 'repeated', 'tweet_id', (select result_id from first))
      when (select refusal from gate) = 'taken' then json_build_object(
        'outcome', 'taken', 'mine', (select mine from taken))
      when (select refusal from gate) is not null then json_build_object('outcome', (select refusal from gate))
      else json_build_object(
        'outcome', 'rate_limited', 'retry_after_seconds', ${quotaFreeInSeconds(authorId, quota)})
    end as result`
}
