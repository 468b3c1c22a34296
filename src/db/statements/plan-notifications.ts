import { type SQL, sql } from 'drizzle-orm'
import { AUDIENCE_CHUNK, type NotificationEvent, type OutboxRow } from '../../contracts/queues.ts'
import type { MutedWord } from '../../contracts/timeline.ts'
import type { TweetId, UserId } from '../../domain/ids.ts'
import type { Audience, NotificationType } from '../../domain/notifications.ts'
import { type Db, query } from '../client.ts'
import { notificationRow, outboxRecord } from './outbox.ts'
import { isPresent, noBlockBetween, notMutedBy, tweetIsVisibleTo } from './visibility.ts'

/**
 * Notifications of a deleted tweet that are withdrawn in one step: of so many, those of the people whom an audience may
 * have. Nearly all are one person's, the author's.
 */
export const WITHDRAWN_PER_STEP = 500

type Of<Type extends NotificationEvent['type']> = Extract<NotificationEvent, { type: Type }>

/** What concerns notifications, and not messages, or what a block withdraws. */
export type Happening = Exclude<NotificationEvent, Of<'message_sent' | 'messages_read' | 'block_changed'>>
export type AudienceEvent = Of<'audience'>

/** Somebody who may have to be told, or no longer. */
export interface NotificationCandidate {
  user_id: UserId
  type: NotificationType
  actor_id: UserId
  tweet_id: TweetId | null
  are_present: boolean
  is_blocked: boolean
  has_muted_actor: boolean
  follows_actor: boolean
  may_see_tweet: boolean
  has_muted_conversation: boolean
  preference: Audience
  muted_words: MutedWord[]
  /**
   * What the actor wrote, and what that quotes if it is not the recipient's own; null where the recipient has no muted
   * words, or nothing was written.
   */
  content: string | null
}

export interface NotificationPlan {
  outbox_id: number
  /** Since the write that owes it, by the database's clock. */
  age_ms: number
  /** It may be done in part. */
  is_repeat: boolean
  /** It is of a tweet that was edited: whoever was named before may be no more. */
  is_edited: boolean
  /** At most one more than a chunk of an audience: then it is to be split. */
  candidates: NotificationCandidate[]
  /**
   * Notifications of a deleted tweet that are still there: so many as one step takes; of a repeat also those that the
   * step before has withdrawn.
   */
  gone: { id: number; user_id: UserId }[]
}

/**
 * Who may have to be told of what happened, with all that decides it, for a batch in one statement. What has no outbox row
 * any more was done by another delivery and has no plan. `again`: it was tried before, and may be done in part.
 */
export async function planNotifications(
  db: Db,
  happenings: readonly { outbox_id: number; event: Happening }[],
  again: boolean,
): Promise<NotificationPlan[]> {
  const asked = happenings.map(({ outbox_id, event }) => ({ outbox_id, ...subjectOf(event) }))
  const rows = await query<{ plan: NotificationPlan }>(
    db,
    sql`
    with asked as materialized (
      select a.*, o.created_at, o.attempts > 0 or ${again} as is_repeat
      from jsonb_to_recordset(${JSON.stringify(asked)}::jsonb) as a(
        outbox_id bigint, type text, actor_id bigint, user_id bigint, tweet_id bigint, "of" text, from_user bigint,
        to_user bigint)
      join outbox o on o.id = a.outbox_id
    ), candidate as materialized (${candidates})
    select json_build_object(
      'outbox_id', a.outbox_id,
      'age_ms', round(extract(epoch from statement_timestamp() - a.created_at) * 1000),
      'is_repeat', a.is_repeat,
      'is_edited', coalesce((
        select t.edited_at is not null from tweet_by_id(a.tweet_id) t where a.type = 'tweet_changed'), false),
      'candidates', coalesce((
        select json_agg(${candidateRecord})
        from candidate c
        join users r on r.id = c.user_id
        join users u on u.id = c.actor_id
        left join notification_inboxes i on i.user_id = c.user_id
        left join lateral (${tweetOfCandidate}) seen on true
        cross join lateral (${wordsOfCandidate}) words
        where c.outbox_id = a.outbox_id), '[]'),
      'gone', coalesce((
        select json_agg(json_build_object('id', gone.id, 'user_id', gone.user_id))
        from (select * from (${notificationsLeft}) still_there union all ${withdrawnLately}) gone), '[]')) as plan
    from asked a`,
  )
  return rows.map(({ plan }) => plan)
}

function subjectOf(event: Happening): object {
  switch (event.type) {
    case 'follow_changed':
      return { type: event.type, actor_id: event.follower_id, user_id: event.followee_id }
    case 'audience':
      return { ...event, actor_id: event.author_id }
    default:
      return event
  }
}

/** What is still there of a tweet that was deleted, as asked by `a`. `notifications_tweet_id` serves it. */
const notificationsLeft: SQL = sql`
          select ranked.id, ranked.user_id
          from (
            select n.id, n.user_id, dense_rank() over (order by n.user_id) as person
            from (
              select n.id, n.user_id
              from notifications n
              where a.type = 'tweet_withdrawn' and n.tweet_id = a.tweet_id and n.withdrawn_at is null
              order by n.type, n.id
              limit ${WITHDRAWN_PER_STEP}) n) ranked
          where ranked.person <= ${AUDIENCE_CHUNK}`

/** By a try before this one, perhaps, which may not have told so. `notifications_withdrawn_of_tweet` serves it. */
const wasWithdrawnLately: SQL = sql`n.withdrawn_at > now() - interval '1 hour'`

/** What the step before may have withdrawn. */
const withdrawnLately: SQL = sql`
          (select n.id, n.user_id
           from notifications n
           where a.type = 'tweet_withdrawn' and a.is_repeat and n.tweet_id = a.tweet_id and ${wasWithdrawnLately}
           order by n.tweet_id, n.withdrawn_at desc
           limit ${WITHDRAWN_PER_STEP})`

/** Bodies of `candidate`: (outbox_id, user_id, type, actor_id, tweet_id) of all that is asked. */
const candidates: SQL = sql`
      select a.outbox_id, t.user_id, case a.type when 'like_changed' then 'like' else 'retweet' end as type,
             a.actor_id, a.tweet_id
      from asked a
      cross join lateral tweet_by_id(a.tweet_id) t
      where a.type in ('like_changed', 'retweet_changed')
      union all
      select a.outbox_id, a.user_id, kind.type, a.actor_id, null
      from asked a
      cross join (values ('follow'), ('follow_request')) kind(type)
      where a.type = 'follow_changed'
      union all
      select a.outbox_id, named.user_id, named.type, t.user_id, a.tweet_id
      from asked a
      cross join lateral tweet_by_id(a.tweet_id) t
      cross join lateral (
        select t.reply_to_user_id as user_id, 'reply' as type where t.reply_to_user_id is not null
        union
        select q.user_id, 'quote' from tweet_by_id(t.quote_tweet_id) q
        union
        select m.user_id, 'mention' from tweet_mentions m where m.tweet_id = t.id
        union
        select n.user_id, n.type
        from notifications n
        where t.edited_at is not null and n.tweet_id = t.id and n.withdrawn_at is null
          and n.type in ('reply', 'quote', 'mention')
        union
        select n.user_id, n.type
        from notifications n
        where t.edited_at is not null and a.is_repeat and n.tweet_id = t.id and ${wasWithdrawnLately}
          and n.type in ('reply', 'quote', 'mention')) named
      where a.type = 'tweet_changed'
      union all
      select a.outbox_id, audience.user_id, case a."of" when 'subscribers' then 'tweet' else 'poll' end,
             a.actor_id, a.tweet_id
      from asked a
      cross join lateral (
        (select f.follower_id as user_id
         from follows f
         where a."of" = 'subscribers' and f.following_id = a.actor_id and f.notify
           and f.follower_id between a.from_user and a.to_user
         order by f.follower_id
         limit ${AUDIENCE_CHUNK + 1})
        union
        (select v.user_id
         from poll_votes v
         where a."of" = 'voters' and v.tweet_id = a.tweet_id and v.user_id between a.from_user and a.to_user
         order by v.user_id
         limit ${AUDIENCE_CHUNK + 1})
        union
        select a.actor_id where a."of" = 'voters' and a.actor_id between a.from_user and a.to_user) audience
      where a.type = 'audience'`

/** The tweet of the candidate `c` as its recipient may see it. */
const tweetOfCandidate: SQL = sql`
          select t.content, (select q.content from tweet_by_id(t.quote_tweet_id) q where q.user_id <> c.user_id) as quoted,
                 ${tweetIsVisibleTo(sql`c.user_id`)} as is_visible,
                 exists (
                   select from muted_conversations m
                   where m.user_id = c.user_id
                     and m.conversation_id in (
                       t.conversation_id,
                       (select q.conversation_id from tweet_by_id(t.quote_tweet_id) q where c.type = 'quote')))
                   as is_muted
          from tweet_by_id(c.tweet_id) t
          join users u on u.id = t.user_id`

/** The muted words of the recipient of `c`, where the actor has written something that they could stand in. */
const wordsOfCandidate: SQL = sql`
          select json_agg(json_build_object(
                   'phrase', w.phrase, 'expiresAtMs', (extract(epoch from w.expires_at) * 1000)::bigint)) as list
          from muted_words w
          where c.type in ('quote', 'reply', 'mention', 'tweet') and w.user_id = c.user_id
            and (w.expires_at is null or w.expires_at > now())`

/** The NotificationCandidate of `c`, its recipient `r` and its actor `u`, as JSON. */
const candidateRecord: SQL = sql`json_build_object(
          'user_id', c.user_id, 'type', c.type, 'actor_id', c.actor_id, 'tweet_id', c.tweet_id,
          'are_present', r.is_active and r.suspended_at is null and ${isPresent},
          'is_blocked', not ${noBlockBetween(sql`c.user_id`, sql`c.actor_id`)},
          'has_muted_actor', not ${notMutedBy(sql`c.user_id`, sql`c.actor_id`)},
          'follows_actor', (
            select count(*) from follows f where f.follower_id = c.user_id and f.following_id = c.actor_id) > 0,
          'may_see_tweet', c.tweet_id is null or coalesce(seen.is_visible, false),
          'has_muted_conversation', coalesce(seen.is_muted, false),
          'preference', coalesce(i.preferences ->> c.type, 'everyone'),
          'muted_words', coalesce(words.list, '[]'),
          'content', case when words.list is not null then concat_ws(E'\n.\n', seen.content, seen.quoted) end)`

/** Of whom one split takes account: the rest is one more part, which is split in its turn. */
const SPLIT_AT_ONCE = 20_000

/**
 * Replaces the outbox row of a large audience by rows for chunks of it, in one statement: the row is gone if and only if
 * its chunks are there. They are as old as what they replace.
 */
export async function splitAudience(
  db: Db,
  { outbox_id, event }: { outbox_id: number; event: AudienceEvent },
  atOnce = SPLIT_AT_ONCE,
): Promise<OutboxRow[]> {
  const { of, tweet_id, author_id, from_user, to_user } = event
  const within = (user: SQL) => sql`${user} between ${from_user}::bigint and ${to_user}::bigint`
  const first = sql`order by user_id limit ${atOnce + 1}`
  const people =
    of === 'subscribers'
      ? sql`
        select follower_id as user_id
        from follows
        where following_id = ${author_id} and notify and ${within(sql`follower_id`)}
        ${first}`
      : sql`
        (select user_id from poll_votes where tweet_id = ${tweet_id} and ${within(sql`user_id`)} ${first})
        union
        select ${author_id}::bigint where ${within(sql`${author_id}::bigint`)}`
  const details = sql`
        'of', ${of}::text, 'tweet_id', ${tweet_id}::bigint, 'author_id', ${author_id}::bigint,
        'from_user', from_user, 'to_user', to_user`
  const rows = await query<{ row: OutboxRow }>(
    db,
    sql`
    with whole as (
      delete from outbox where id = ${outbox_id} returning created_at
    ), numbered as (
      select user_id, row_number() over (order by user_id) - 1 as place from (${people}) people
    ), part as (
      select min(user_id) as from_user, max(user_id) as to_user
      from numbered
      where place < ${atOnce}
      group by place / ${AUDIENCE_CHUNK}::int
      union all
      select user_id, ${to_user}::bigint from numbered where place = ${atOnce}
    ), sent as (
      insert into outbox (queue, message, next_attempt_at, created_at)
      select ${notificationRow('audience', details)}, whole.created_at
      from part, whole
      returning id, queue, message
    )
    select ${outboxRecord} as row from sent`,
  )
  return rows.map(({ row }) => row)
}
