import { sql } from 'drizzle-orm'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { TweetId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'
import type { Subject } from './counters.ts'
import { FIRST_ATTEMPT_SECONDS, outboxRecord, outboxRow } from './outbox.ts'

export interface ErasedStep {
  /** Another step is needed: the outbox row is still there. */
  left: boolean
  /** Whose counters changed. */
  subjects: Subject[]
  /** What the timelines are told: retweets that are undone. */
  outbox: OutboxRow[]
}

/**
 * One step of what a deletion takes along: at most `rows` retweets and bookmarks each, with what they counted. The
 * retweeters' followers are told of each retweet, because the deletion itself is told to the author's only. Likes stay:
 * a list of likes leaves out what cannot be seen. With the last step the outbox row goes; one statement, so that it goes
 * if and only if nothing was left. Two steps at once wait for each other's rows; each goes by what it saw before, so
 * neither takes the rest for done.
 */
export async function eraseDependants(
  db: Db,
  outboxId: number,
  tweet: TweetId,
  rows: number,
): Promise<ErasedStep> {
  const [step] = await query<{ step: ErasedStep }>(
    db,
    sql`
    with gone as (
      select id, user_id from tweets where id = ${tweet} and is_deleted
    ), old_retweets as materialized (
      select r.id from retweets r where r.tweet_id = ${tweet} and exists (select from gone) order by r.id limit ${rows + 1}
    ), old_bookmarks as materialized (
      select b.user_id from bookmarks b where b.tweet_id = ${tweet} and exists (select from gone) order by b.user_id limit ${rows + 1}
    ), step as (
      select greatest((select count(*) from old_retweets), (select count(*) from old_bookmarks)) > ${rows}::int as rest
    ), unretweeted as (
      delete from retweets
      where id in (select id from old_retweets order by id limit ${rows})
      returning id, user_id
    ), unbookmarked as (
      delete from bookmarks
      where tweet_id = ${tweet} and user_id in (select user_id from old_bookmarks order by user_id limit ${rows})
      returning tweet_id
    ), ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'tweet', ${tweet}::bigint, counter, -count(*)
      from (select 'retweet_count' as counter from unretweeted
            union all
            select 'bookmark_count' from unbookmarked) taken
      group by counter
      returning subject, subject_id
    ), undone as (
      insert into outbox (queue, message, next_attempt_at)
      select ${outboxRow(
        'fan-out',
        sql`jsonb_build_object(
          'type', 'retweet_undone', 'v', 1, 'entry_id', r.id, 'tweet_id', ${tweet}::bigint,
          'author_id', gone.user_id, 'retweeter_id', r.user_id)`,
      )}
      from unretweeted r, gone
      returning id, queue, message
    ), done as (
      delete from outbox where id = ${outboxId} and not (select rest from step)
    ), postponed as (
      update outbox
      set next_attempt_at = now() + make_interval(secs => ${FIRST_ATTEMPT_SECONDS})
      where id = ${outboxId} and (select rest from step)
    )
    select json_build_object(
      'left', (select rest from step),
      'subjects', coalesce((
        select json_agg(distinct jsonb_build_object('subject', subject, 'id', subject_id)) from ledger), '[]'),
      'outbox', coalesce((select json_agg(${outboxRecord}) from undone), '[]')) as step`,
  )
  if (step === undefined) throw new Error('Erasing answered no row')
  return step.step
}
