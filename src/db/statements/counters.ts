import { type SQL, sql } from 'drizzle-orm'
import type { CounterSubject, OutboxRow } from '../../contracts/queues.ts'
import { array, type Db, query, transaction } from '../client.ts'
import { outboxRecord, searchRow } from './outbox.ts'
import { crossPullLimit } from './pulled-authors.ts'
import { markTrends, type TrendScope } from './trend-marks.ts'

export interface Subject {
  subject: CounterSubject
  id: number
}

/** Votes are counted as `poll_<position>` of their tweet. */
const POLL_COUNTER = 'poll_'

export interface Folded {
  deltas: number
  /** That search is to know how popular a tweet or a user is by now. */
  outbox: OutboxRow[]
}

/**
 * Folds the ledger's deltas of these subjects into their counters, and answers how many deltas that were.
 * First all subjects are locked, in one order everywhere, so that folds at once wait for each other instead of
 * deadlocking; the second statement then sees every delta that was committed before it had its locks. Only deltas of
 * subjects that were erased, which nothing locks, can be in two folds at once: the one that comes second skips them.
 * A poll's options are folded under the lock of its tweet. Users whose followers cross `pushLimit` enter or leave the pull
 * set with it, and trends, where they are looked at, are told whose tweets were engaged
 * with, posted or deleted.
 */
export async function foldCounters(
  db: Db,
  subjects: readonly Subject[],
  pushLimit: number,
  trends: TrendScope | null = null,
): Promise<Folded> {
  if (subjects.length === 0) return { deltas: 0, outbox: [] }
  const given = JSON.stringify(subjects)
  const users = subjects.filter(({ subject }) => subject === 'user').map(({ id }) => id)
  const named = sql`jsonb_to_recordset(${given}::jsonb) as s(subject text, id bigint)`
  // Given outright, so that the planner leaves out the partitions that have none of them.
  const idsOf = (kind: CounterSubject) =>
    array(
      subjects.flatMap(({ subject, id }) => (subject === kind ? [id] : [])),
      'bigint',
    )
  const lock = (kind: CounterSubject, table: 'users' | 'tweets' | 'hashtags') => {
    if (!subjects.some(({ subject }) => subject === kind)) return null
    return sql`
      select from ${sql.raw(table)}
      where id = any(${idsOf(kind)})
      order by id
      for no key update`
  }
  const [row] = await transaction<Folded>(db, {
    before: [lock('user', 'users'), lock('tweet', 'tweets'), lock('hashtag', 'hashtags')],
    main: sql`
    with taken as (
      delete from counter_deltas
      where id in (
        select d.id
        from counter_deltas d
        join ${named} on d.subject = s.subject and d.subject_id = s.id
        for update of d skip locked)
      returning subject, subject_id as id, counter, delta
    ), sums as (
      select subject, id,
        coalesce(sum(delta) filter (where counter = 'tweet_count'), 0) as tweets,
        coalesce(sum(delta) filter (where counter = 'follower_count'), 0) as followers,
        coalesce(sum(delta) filter (where counter = 'following_count'), 0) as following,
        coalesce(sum(delta) filter (where counter = 'like_count'), 0) as likes,
        coalesce(sum(delta) filter (where counter = 'retweet_count'), 0) as retweets,
        coalesce(sum(delta) filter (where counter = 'reply_count'), 0) as replies,
        coalesce(sum(delta) filter (where counter = 'quote_count'), 0) as quotes,
        coalesce(sum(delta) filter (where counter = 'bookmark_count'), 0) as bookmarks
      from taken
      group by subject, id
    )${trends === null ? sql.empty() : markTrends(trends)}, folded_users as (
      update users u
      set tweet_count = u.tweet_count + s.tweets,
          follower_count = u.follower_count + s.followers,
          following_count = u.following_count + s.following
      from sums s
      where s.subject = 'user' and u.id = s.id
      returning u.id, u.follower_count as after, u.follower_count - s.followers as before
    ), folded_tweets as (
      update tweets t
      set like_count = t.like_count + s.likes,
          retweet_count = t.retweet_count + s.retweets,
          reply_count = t.reply_count + s.replies,
          quote_count = t.quote_count + s.quotes,
          bookmark_count = t.bookmark_count + s.bookmarks
      from sums s
      where s.subject = 'tweet' and t.id = s.id and t.id = any(${idsOf('tweet')})
        and (s.likes, s.retweets, s.replies, s.quotes, s.bookmarks) <> (0, 0, 0, 0, 0)
      returning t.id, t.like_count + t.retweet_count + t.reply_count + t.quote_count as after,
                t.like_count + t.retweet_count + t.reply_count + t.quote_count
                  - (s.likes + s.retweets + s.replies + s.quotes) as before
    ), votes as (
      select id, substr(counter, length(${POLL_COUNTER}) + 1)::smallint as position, sum(delta) as votes
      from taken
      where subject = 'tweet' and starts_with(counter, ${POLL_COUNTER})
      group by id, position
    ), folded_polls as (
      update poll_options o set vote_count = o.vote_count + v.votes
      from votes v
      where o.tweet_id = v.id and o.position = v.position
    ), folded_hashtags as (
      update hashtags h set tweet_count = h.tweet_count + s.tweets
      from sums s
      where s.subject = 'hashtag' and h.id = s.id
    ), ${tellSearch}
    select count(*)::int as deltas, coalesce((select json_agg(${outboxRecord}) from sent), '[]') as outbox from taken`,
    after: [users.length === 0 ? null : crossPullLimit(users, pushLimit)],
  })
  return row ?? { deltas: 0, outbox: [] }
}

/** How often something was doubled: search is told when that is another number, so a few times at the most. */
const doublings = (count: SQL) => sql`floor(log(2, greatest(${count}, 0.5)))`

/** The CTE `sent`: what is owed to search by `folded_users` and `folded_tweets`. */
const tellSearch = sql`sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${searchRow('tweet_changed', sql`'tweet_id', id`)}
      from folded_tweets
      where ${doublings(sql`after`)} <> ${doublings(sql`before`)}
      union all
      select ${searchRow('user_changed', sql`'user_id', id`)}
      from folded_users
      where ${doublings(sql`after`)} <> ${doublings(sql`before`)}
      returning id, queue, message
    )`

/** Subjects that have had deltas waiting: what the sweep folds when the queue's hint was lost. */
export async function readUnfoldedSubjects(db: Db, limit: number): Promise<Subject[]> {
  return query<Subject>(
    db,
    sql`
    select subject, subject_id::float8 as id
    from (select subject, subject_id from counter_deltas order by id limit ${limit}) oldest
    group by subject, subject_id
    order by subject, subject_id`,
  )
}
