import { sql } from 'drizzle-orm'
import type { OutboxRow } from '../../contracts/queues.ts'
import { MAX_ID, type TweetId, type UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'
import { flagsChanged, viewerRefusal } from './engagement.ts'
import { notificationRow, outboxRecord } from './outbox.ts'
import { pollRecord } from './tweet-columns.ts'
import { tweetIsVisibleTo } from './visibility.ts'

export interface PollRecord {
  options: { position: number; text: string; vote_count: number }[]
  /** Unix milliseconds. */
  ends_at: number
}

export type Voted =
  | {
      outcome: 'voted'
      /** False for a repeat: nothing was written and nothing is owed. */
      changed: boolean
      /** As stored, with this vote. */
      poll: PollRecord
      outbox: OutboxRow[]
    }
  | { outcome: 'no_such_option'; options: number }
  | {
      outcome:
        | 'tweet_not_found'
        | 'poll_not_found'
        | 'already_voted'
        | 'poll_closed'
        | 'unauthenticated'
        | 'suspended'
    }

/** Another vote of the same user was committed just now: what it was, only a new statement sees. */
interface Raced {
  outcome: 'raced'
}

/**
 * Votes once, while the poll is open. The same vote again is done already; another one is refused. One round trip,
 * and a second one for whoever lost a race against their own vote.
 */
export async function insertVote(db: Db, viewer: UserId, tweet: TweetId, position: number): Promise<Voted> {
  for (let attempt = 1; attempt <= 2; attempt++) {
    const voted = await tryVote(db, viewer, tweet, position)
    if (voted.outcome !== 'raced') return voted
  }
  throw new Error('A vote that was there is not')
}

/** One statement: of two votes at once, the primary key lets one in. */
async function tryVote(db: Db, viewer: UserId, tweet: TweetId, position: number): Promise<Voted | Raced> {
  const [row] = await query<{ result: Voted | Raced }>(
    db,
    sql`
    with target as (
      select t.id, ${pollRecord} as poll
      from tweets t
      join users u on u.id = t.user_id
      where t.id = ${tweet} and ${tweetIsVisibleTo(viewer)}
    ), before as (
      select position from poll_votes where tweet_id = ${tweet} and user_id = ${viewer}
    ), gate as (
      select coalesce(${viewerRefusal(viewer)}, case
        when not exists (select from target) then 'tweet_not_found'
        when (select poll from target) is null then 'poll_not_found'
        when not exists (select from poll_options where tweet_id = ${tweet} and position = ${position})
          then 'no_such_option'
        when exists (select from before where position = ${position}) then 'voted'
        when exists (select from before) then 'already_voted'
        when exists (select from polls where tweet_id = ${tweet} and ends_at <= now()) then 'poll_closed'
      end) as settled
    ), voted as (
      insert into poll_votes (tweet_id, user_id, position)
      select ${tweet}::bigint, ${viewer}::bigint, ${position}::smallint
      where (select settled from gate) is null
      on conflict do nothing
      returning position
    ), ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'tweet', ${tweet}::bigint, 'poll_' || position, 1 from voted
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${flagsChanged(viewer, tweet)} from voted
      returning id, queue, message
    )
    select case
      when exists (select from voted) or (select settled from gate) = 'voted' then json_build_object(
        'outcome', 'voted',
        'changed', exists (select from voted),
        'poll', (select poll from target),
        'outbox', coalesce((select json_agg(${outboxRecord}) from sent), '[]'))
      when (select settled from gate) = 'no_such_option' then json_build_object(
        'outcome', 'no_such_option',
        'options', (select count(*) from poll_options where tweet_id = ${tweet}))
      else json_build_object('outcome', coalesce((select settled from gate), 'raced'))
    end as result`,
  )
  if (row === undefined) throw new Error('Voting answered no row')
  const { result } = row
  if (result.outcome !== 'voted' || !result.changed) return result
  return { ...result, poll: withVote(result.poll, position) }
}

function withVote(poll: PollRecord, voted: number): PollRecord {
  const options = poll.options.map((option) =>
    option.position === voted ? { ...option, vote_count: option.vote_count + 1 } : option,
  )
  return { ...poll, options }
}

/**
 * Closes polls that have ended, at most so many, each once, and owes those who voted, and the author, the news. Polls of
 * deleted tweets are closed in silence. `polls_open` serves it.
 */
export async function closeEndedPolls(
  db: Db,
  limit: number,
): Promise<{ polls: number; outbox: OutboxRow[] }> {
  const [row] = await query<{ closed: { polls: number; outbox: OutboxRow[] } }>(
    db,
    sql`
    with due as materialized (
      select tweet_id
      from polls
      where closed_at is null and ends_at <= now()
      order by ends_at
      limit ${limit}
      for update skip locked
    ), closed as (
      update polls set closed_at = now() where tweet_id in (select tweet_id from due) returning tweet_id
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${notificationRow(
        'audience',
        sql`'of', 'voters', 'tweet_id', t.id, 'author_id', t.user_id, 'from_user', 1, 'to_user', ${MAX_ID}::bigint`,
      )}
      from closed
      cross join lateral tweet_by_id(closed.tweet_id) t
      where not t.is_deleted
      returning id, queue, message
    )
    select json_build_object(
      'polls', (select count(*) from closed),
      'outbox', coalesce((select json_agg(${outboxRecord}) from sent), '[]')) as closed`,
  )
  return row?.closed ?? { polls: 0, outbox: [] }
}
