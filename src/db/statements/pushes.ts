import { sql } from 'drizzle-orm'
import type { NotificationType } from '../../domain/notifications.ts'
import { type Db, query } from '../client.ts'
import { isLive } from './sessions.ts'
import { isPresent, noBlockBetween, notMutedBy, tweetIsVisibleTo } from './visibility.ts'

/** What somebody's browsers are to be told: a notification of theirs, or a message to them. */
export interface AskedPush {
  outbox_id: number
  user_id: number
  of: 'notification' | 'message'
  id: number
}

interface Named {
  id: number
  username: string
  display_name: string
}

export interface PushedNotification {
  id: number
  type: NotificationType
  is_own: boolean
  actor: Named
  tweet: { id: number; content: string } | null
  unread_count: number
}

export interface PushedMessage {
  id: number
  sender: Named
  content: string
  /** Of the conversation. */
  unread_count: number
}

export type PushNews =
  | { of: 'notification'; notification: PushedNotification }
  | { of: 'message'; message: PushedMessage }

/** A browser, and the keys by which only it can read what it is sent. */
export interface PushTarget {
  id: number
  endpoint: string
  p256dh: string
  auth: string
}

export interface Push {
  outbox_id: number
  /** Since the write that owes it, by the database's clock. */
  age_ms: number
  news: PushNews
  targets: PushTarget[]
}

const named = sql`json_build_object('id', u.id, 'username', u.username, 'display_name', u.display_name)`

/**
 * What is still worth telling, for a whole batch in one statement: a notification that is neither read nor withdrawn, of
 * somebody and of a tweet that its recipient may see now; a message that is unread, in a conversation that was accepted. And
 * the browsers of sessions that live, by this statement's own look at them: a session may end while its browser subscribes,
 * and is sent nothing all the same. What has no browser, or whose outbox row is gone (another delivery did it), is not there.
 * Each is found by its primary key, the browsers by `push_subscriptions_user_id`.
 */
export async function readPushes(db: Db, asked: readonly AskedPush[]): Promise<Push[]> {
  const rows = await query<{ push: Push }>(
    db,
    sql`
    select json_build_object(
      'outbox_id', asked.outbox_id,
      'age_ms', round(extract(epoch from statement_timestamp() - o.created_at) * 1000),
      'news', coalesce(notified.news, written.news),
      'targets', browsers.targets) as push
    from jsonb_to_recordset(${JSON.stringify(asked)}::jsonb) as asked(
      outbox_id bigint, user_id bigint, "of" text, id bigint)
    join outbox o on o.id = asked.outbox_id
    join users u on u.id = asked.user_id and ${isPresent}
    cross join lateral (
      select json_agg(
        json_build_object('id', p.id, 'endpoint', p.endpoint, 'p256dh', p.p256dh, 'auth', p.auth)
        order by p.id) as targets
      from push_subscriptions p
      join sessions s on s.id = p.session_id
      where p.user_id = asked.user_id and ${isLive}
        and (o.message -> 'to' is null or o.message -> 'to' @> to_jsonb(p.id))) browsers
    left join lateral (
      select json_build_object('of', 'notification', 'notification', json_build_object(
        'id', n.id,
        'type', n.type,
        'is_own', n.actor_id = n.user_id,
        'actor', ${named},
        'tweet', shown.tweet,
        'unread_count', coalesce(i.unread_count, 0))) as news
      from notifications n
      join users u on u.id = n.actor_id and ${isPresent}
      left join notification_inboxes i on i.user_id = n.user_id
      left join lateral (
        select json_build_object('id', t.id, 'content', t.content) as tweet
        from tweet_by_id(n.tweet_id) t
        join users u on u.id = t.user_id
        where ${tweetIsVisibleTo(sql`asked.user_id`)}) shown on true
      where asked."of" = 'notification' and n.id = asked.id and n.user_id = asked.user_id
        and n.withdrawn_at is null and not n.is_read and n.id > coalesce(i.read_up_to_id, 0)
        and (n.tweet_id is null or shown.tweet is not null)
        and ${noBlockBetween(sql`asked.user_id`, sql`n.actor_id`)}
        and ${notMutedBy(sql`asked.user_id`, sql`n.actor_id`)}) notified on true
    left join lateral (
      select json_build_object('of', 'message', 'message', json_build_object(
        'id', d.id,
        'sender', ${named},
        'content', d.content,
        'unread_count', c.unread_count)) as news
      from direct_messages d
      join users u on u.id = d.sender_id and ${isPresent}
      join conversations c on c.user_id = d.receiver_id and c.other_id = d.sender_id and c.is_accepted
      where asked."of" = 'message' and d.id = asked.id and d.receiver_id = asked.user_id
        and not d.is_read and not d.hidden_by_receiver
        and ${noBlockBetween(sql`asked.user_id`, sql`d.sender_id`)}) written on true
    where browsers.targets is not null and (notified.news is not null or written.news is not null)`,
  )
  return rows.map(({ push }) => push)
}

/** Notes in the outbox which browsers are left to be pushed to: what comes again goes to these alone. */
export async function narrowPushes(
  db: Db,
  narrowed: readonly { outbox_id: number; to: readonly number[] }[],
): Promise<void> {
  if (narrowed.length === 0) return
  await query(
    db,
    sql`
    with narrowed as (
      select * from jsonb_to_recordset(${JSON.stringify(narrowed)}::jsonb) as n(outbox_id bigint, "to" jsonb)
    ), held as (
      select id from outbox where id in (select outbox_id from narrowed) order by id for update
    )
    update outbox o
    set message = o.message || jsonb_build_object('to', narrowed."to")
    from narrowed
    join held on held.id = narrowed.outbox_id
    where o.id = held.id`,
  )
}
