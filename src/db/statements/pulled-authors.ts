import { type SQL, sql } from 'drizzle-orm'
import type { EntryId, TweetId, UserId } from '../../domain/ids.ts'
import { ID_EPOCH_MS } from '../../domain/ids.ts'
import { array, type Db, query, transaction } from '../client.ts'
import type { UserCardRow } from './profile-columns.ts'
import { type TweetRecord, tweetRecord, userRecord } from './tweet-columns.ts'
import { isPresent, NOBODY } from './visibility.ts'

/** Below this share of the limit an author is pushed again: one who wavers about it does not come and go. */
const LEAVES_BELOW = 0.8
/** An author who came in is pushed for so long: until then every reader has heard of it. */
const PUSHED_ON_MINUTES = 10
/** An author who is pushed again is looked for by readers for so long: a timeline unread for longer goes cold. */
const PULLED_ON_DAYS = 14
/** How long a timeline whose sockets kept it warm, unread, may take to hear that an author has left. */
const REMEMBERED_DAYS = 90

/** Which authors a home timeline reads together with its own entries. Small: those with very many followers. */
export interface PullSet {
  /** Names the content: another set has another. Empty for the empty set. */
  hash: string
  /** The database's clock in milliseconds when this was read. */
  asOfMs: number
  authors: UserId[]
  /** Those who are pushed alone again, and since when in milliseconds. */
  left: { id: UserId; atMs: number }[]
}

export async function readPullSet(db: Db): Promise<PullSet> {
  const [row] = await query<{ set: PullSet }>(
    db,
    sql`
    select json_build_object(
      'hash', coalesce(md5(string_agg(user_id || ':' || coalesce(extract(epoch from left_at)::text, ''), ',' order by user_id)), ''),
      'asOfMs', (extract(epoch from statement_timestamp()) * 1000)::bigint,
      'authors', coalesce(json_agg(user_id order by user_id) filter (where left_at is null), '[]'),
      'left', coalesce(
        json_agg(json_build_object('id', user_id, 'atMs', (extract(epoch from left_at) * 1000)::bigint) order by user_id)
          filter (where left_at is not null), '[]')) as set
    from pulled_authors`,
  )
  if (row === undefined) throw new Error('Reading the pull set answered no row')
  return row.set
}

/**
 * Takes users whose counters were just folded into the pull set or lets them leave it, by their followers. Of a fold's
 * transaction, after its sums: the users are locked by it.
 */
export function crossPullLimit(users: readonly number[], limit: number): SQL {
  return sql`
    with counted as (
      select id, follower_count from users where id = any(${array(users, 'bigint')})
    ), down as (
      update pulled_authors p set leaving_at = now()
      from counted
      where p.user_id = counted.id and p.leaving_at is null and counted.follower_count < ${limit * LEAVES_BELOW}
    )
    insert into pulled_authors as p (user_id)
    select id from counted where follower_count >= ${limit}
    on conflict (user_id) do update set since = now(), leaving_at = null, left_at = null
    where p.leaving_at is not null`
}

/** Lets go of authors who have been pushed again for long, and of those whom a raised limit has overtaken. */
export async function retirePulledAuthors(db: Db, limit: number): Promise<void> {
  await transaction(db, {
    main: sql`
      update pulled_authors set left_at = now()
      where left_at is null and leaving_at < now() - make_interval(days => ${PULLED_ON_DAYS})`,
    after: [
      sql`delete from pulled_authors where left_at < now() - make_interval(days => ${REMEMBERED_DAYS})`,
      sql`
      update pulled_authors p set leaving_at = now()
      from users u
      where u.id = p.user_id and p.leaving_at is null and u.follower_count < ${limit * LEAVES_BELOW}`,
    ],
  })
}

/** Whether followers are told of what `author` does to the entry: not of what they read as a pulled author's. */
export function isPushed(author: SQL, entry: SQL): SQL {
  return sql`(
    select count(*)
    from pulled_authors p
    where p.user_id = ${author} and p.leaving_at is null
      and ${entry} >= ((extract(epoch from p.since) + ${PUSHED_ON_MINUTES * 60}) * 1000 - ${ID_EPOCH_MS}) * 4096) = 0`
}

export interface PulledAuthorEntry {
  /** The tweet's id, or the retweet's. */
  id: EntryId
  tweet_id: TweetId
  author_id: UserId
  is_retweet: boolean
  /** Whom it answers; null when it answers nobody, or its author. */
  reply_to_user_id: UserId | null
  quoted_id: TweetId | null
  quoted_author_id: UserId | null
  /** Of the newest alone. */
  card: TweetRecord | null
}

export interface PulledAuthorEntries {
  author: UserCardRow
  /** Newest first. */
  entries: PulledAuthorEntry[]
}

/**
 * The newest `limit` entries of each author, the newest `cards` of them with what a card is made of: the same for all
 * readers, who are followers of theirs. Retweets of what a private account wrote are left out, because not all of them may
 * see that. `idx_tweets_user_created` and `idx_retweets_user_id` give each author's in order.
 */
export async function readPulledAuthors(
  db: Db,
  authors: readonly UserId[],
  { limit, cards }: { limit: number; cards: number },
): Promise<PulledAuthorEntries[]> {
  const rows = await query<{ pulled: PulledAuthorEntries }>(
    db,
    sql`
    select json_build_object(
      'author', ${userRecord('r')},
      'entries', coalesce((
        select json_agg(json_build_object(
          'id', e.id, 'tweet_id', e.tweet_id, 'author_id', e.author_id, 'is_retweet', e.id <> e.tweet_id,
          'reply_to_user_id', case when e.id = e.tweet_id and e.reply_to_user_id <> r.id then e.reply_to_user_id end,
          'quoted_id', e.quote_tweet_id,
          'quoted_author_id', (select q.user_id from tweets q where q.id = e.quote_tweet_id),
          'card', case when e.n <= ${cards}::int then (
            select ${tweetRecord(NOBODY)}
            from tweets t
            join users u on u.id = t.user_id
            where t.id = e.tweet_id
            limit 1) end)
          order by e.id desc)
        from (
          select both_kinds.*, row_number() over (order by id desc) as n
          from (
            (select t.id, t.id as tweet_id, t.user_id as author_id, t.reply_to_user_id, t.quote_tweet_id
             from tweets t
             where t.user_id = r.id and not t.is_deleted
             order by t.id desc
             limit ${limit})
            union all
            (select rt.id, rt.tweet_id, shown.user_id, shown.reply_to_user_id, shown.quote_tweet_id
             from retweets rt
             cross join lateral (
               select t.user_id, t.reply_to_user_id, t.quote_tweet_id
               from tweets t
               join users u on u.id = t.user_id
               where t.id = rt.tweet_id and not t.is_deleted and ${isPresent} and not u.is_private
               limit 1) shown
             where rt.user_id = r.id
             order by rt.id desc
             limit ${limit})) both_kinds
          order by id desc
          limit ${limit}) e), '[]')) as pulled
    from users r
    where r.id = any(${array(authors, 'bigint')}) and r.is_active and r.suspended_at is null`,
  )
  return rows.map(({ pulled }) => pulled)
}
