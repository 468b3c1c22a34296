import { type SQL, sql } from 'drizzle-orm'
import { MAX_ID, type UserId } from '../../domain/ids.ts'
import { type Audience, NOTIFICATION_TYPES, type NotificationType } from '../../domain/notifications.ts'
import { type Db, query, transaction } from '../client.ts'
import { raiseVersions } from './notification-locks.ts'
import type { ListPage } from './places.ts'
import type { UserCardRow } from './profile-columns.ts'
import { tweetRecord, userRecord, viewerFlags } from './tweet-columns.ts'
import type { ShownTweet } from './tweets.ts'
import { isPresent, noBlockBetween, tweetIsVisibleTo } from './visibility.ts'

/** What the reader of a list of notifications asks for. */
export interface NotificationFilter {
  /** Empty for all. */
  types: readonly NotificationType[]
  unreadOnly: boolean
}

export interface ListedNotification {
  id: number
  type: NotificationType
  is_read: boolean
  /** Unix ms. */
  created_at: number
  actor: UserCardRow
  /** Null where it is about no tweet. */
  shown: ShownTweet | null
}

/** A line of a list; null where it may not be seen (any more). */
interface Line<Listed> {
  place: number
  listed: Listed | null
}

export interface NotificationList<Listed> {
  unread_count: number
  lines: Line<Listed>[]
}

const unreadCount = (viewer: UserId): SQL =>
  sql`coalesce((select unread_count from notification_inboxes where user_id = ${viewer}), 0)`

const readUpTo = (viewer: UserId): SQL =>
  sql`coalesce((select read_up_to_id from notification_inboxes where user_id = ${viewer}), 0)`

const listOf = ({ types }: Pick<NotificationFilter, 'types'>): SQL =>
  sql`jsonb_array_elements_text(${JSON.stringify(types.length === 0 ? NOTIFICATION_TYPES : types)}::jsonb) as asked(type)`

/**
 * Rows of the index `(user_id, type, <id>)` for one type, from its end: rows are compared as a whole, and ordered by all
 * three, because another index that has ids in order would lead through what is everybody's or of any type.
 */
const ofType = (viewer: UserId, row: SQL, { above, below }: { above: SQL; below: SQL }): SQL =>
  sql`(${row}) > (${viewer}, asked.type, ${above}) and (${row}) < (${viewer}, asked.type, ${below})`

const from = (after: number | null): SQL => (after === null ? sql`${MAX_ID}::bigint` : sql`${after}::bigint`)

const aboveRead = (viewer: UserId, { unreadOnly }: NotificationFilter): SQL =>
  unreadOnly ? readUpTo(viewer) : sql`0`

/** The tweet that a line is about as the reader may see it, as JSON. */
const tweetSeenBy = (viewer: UserId, tweet: SQL): SQL => sql`
      select json_build_object('tweet', ${tweetRecord(viewer)}, 'flags', ${viewerFlags(viewer)}) as shown
      from tweet_by_id(${tweet}) t
      join users u on u.id = t.user_id
      where ${tweetIsVisibleTo(viewer)}`

/**
 * Somebody's notifications, newest first: the newest of each type that is asked for, merged, so that a page reads a page
 * of each at the most. `idx_notifications_user_id` serves it.
 */
export async function readNotifications(
  db: Db,
  viewer: UserId,
  filter: NotificationFilter,
  { after, offset, limit }: ListPage<number>,
): Promise<NotificationList<ListedNotification>> {
  const [list] = await query<NotificationList<ListedNotification>>(
    db,
    sql`
    select ${unreadCount(viewer)} as unread_count, coalesce((
      select json_agg(json_build_object('place', page.id, 'listed', case
          when actor.card is not null and (page.tweet_id is null or seen.shown is not null) then json_build_object(
            'id', page.id, 'type', page.type, 'is_read', page.is_read,
            'created_at', (extract(epoch from page.created_at) * 1000)::bigint,
            'actor', actor.card, 'shown', seen.shown)
        end) order by page.id desc)
      from (
        select n.*
        from ${listOf(filter)}
        cross join lateral (
          select n.id, n.type, n.actor_id, n.tweet_id, n.created_at,
                 n.is_read or n.id <= ${readUpTo(viewer)} as is_read
          from notifications n
          where ${ofType(viewer, sql`n.user_id, n.type, n.id`, { above: aboveRead(viewer, filter), below: from(after) })}
            and n.withdrawn_at is null ${filter.unreadOnly ? sql`and not n.is_read` : sql.empty()}
          order by n.user_id desc, n.type desc, n.id desc
          limit ${offset + limit}) n
        order by n.id desc
        limit ${limit} offset ${offset}) page
      left join lateral (
        select ${userRecord('u')} as card
        from users u
        where u.id = page.actor_id and ${isPresent} and ${noBlockBetween(viewer, sql`u.id`)}) actor on true
      left join lateral (${tweetSeenBy(viewer, sql`page.tweet_id`)}) seen on true), '[]') as lines`,
  )
  if (list === undefined) throw new Error('Reading notifications answered no row')
  return list
}

export interface ListedGroup {
  id: number
  type: NotificationType
  /** The newest few, newest first. */
  actors: UserCardRow[]
  total: number
  is_read: boolean
  /** Unix ms. */
  created_at: number
  shown: ShownTweet | null
}

/**
 * Somebody's notifications, those of one type on one tweet together, by the newest of each. A group is read where its
 * newest is; whom the reader does not see is not counted among the newest. `notification_groups_latest` serves it.
 */
export async function readNotificationGroups(
  db: Db,
  viewer: UserId,
  filter: NotificationFilter,
  { after, offset, limit }: ListPage<number>,
): Promise<NotificationList<ListedGroup>> {
  const [list] = await query<NotificationList<ListedGroup>>(
    db,
    sql`
    select ${unreadCount(viewer)} as unread_count, coalesce((
      select json_agg(json_build_object('place', page.latest_id, 'listed', case
          when actors.total > 0 and (page.tweet_id is null or seen.shown is not null) then json_build_object(
            'id', page.latest_id, 'type', page.type, 'actors', actors.cards, 'total', actors.total,
            'is_read', page.is_read, 'created_at', (extract(epoch from page.latest_at) * 1000)::bigint,
            'shown', seen.shown)
        end) order by page.latest_id desc)
      from (
        select g.*
        from ${listOf(filter)}
        cross join lateral (
          select g.*, latest.is_read
          from notification_groups g
          cross join lateral (
            select g.latest_id <= ${readUpTo(viewer)}
                   or coalesce((select n.is_read from notifications n where n.id = g.latest_id), true) as is_read) latest
          where ${ofType(viewer, sql`g.user_id, g.type, g.latest_id`, { above: aboveRead(viewer, filter), below: from(after) })}
            and g.total > 0 ${filter.unreadOnly ? sql`and not latest.is_read` : sql.empty()}
          order by g.user_id desc, g.type desc, g.latest_id desc
          limit ${offset + limit}) g
        order by g.latest_id desc
        limit ${limit} offset ${offset}) page
      cross join lateral (
        select coalesce(json_agg(${userRecord('u')} order by kept.place), '[]') as cards,
               page.total - cardinality(page.actor_ids) + count(*) as total
        from unnest(page.actor_ids) with ordinality as kept(id, place)
        join users u on u.id = kept.id
        where ${isPresent} and ${noBlockBetween(viewer, sql`u.id`)}) actors
      left join lateral (${tweetSeenBy(viewer, sql`page.tweet_id`)}) seen on true), '[]') as lines`,
  )
  if (list === undefined) throw new Error('Reading groups of notifications answered no row')
  return list
}

/** The state after something was read, as open sockets are told of it. */
export interface ReadState {
  unread_count: number
  version: number
}

/** The account may be used. */
const isActive = (viewer: UserId): SQL => sql`exists (select from users where id = ${viewer} and is_active)`

/** Marks one as read; again changes nothing. Answers the state, or why there is none. */
export async function markNotificationRead(
  db: Db,
  viewer: UserId,
  id: number,
): Promise<ReadState | 'notification_not_found' | 'unauthenticated'> {
  const [row] = await transaction<{ is_active: boolean; state: ReadState | null }>(db, {
    before: [
      raiseVersions(
        [viewer],
        sql`u.is_active and exists (select from notifications n where n.id = ${id} and n.user_id = u.id)`,
      ),
    ],
    main: sql`
    with target as (
      select id, is_read
      from notifications
      where id = ${id} and user_id = ${viewer} and withdrawn_at is null and ${isActive(viewer)}
    ), marked as (
      update notifications n
      set is_read = true
      from target
      where n.id = target.id and not target.is_read
      returning n.id
    ), counted as (
      update notification_inboxes
      set unread_count = greatest(0, unread_count - 1)
      where user_id = ${viewer} and read_up_to_id < (select id from marked)
      returning unread_count
    )
    select ${isActive(viewer)} as is_active, case when exists (select from target) then json_build_object(
             'unread_count', coalesce((select unread_count from counted), i.unread_count), 'version', i.version) end as state
    from (select) this
    left join notification_inboxes i on i.user_id = ${viewer}`,
  })
  if (row?.is_active !== true) return 'unauthenticated'
  return row.state ?? 'notification_not_found'
}

/**
 * Marks all as read as far as this one; all there are for null. What came since, or was marked one by one, is counted
 * anew, which is little where the newest one seen is named; where nothing becomes read, nothing is counted. Null where the
 * account may not be used.
 */
export async function markAllNotificationsRead(
  db: Db,
  viewer: UserId,
  upToId: number | null,
): Promise<(ReadState & { up_to_id: number }) | null> {
  const place = sql`n.user_id, n.type, n.id`
  const [row] = await transaction<ReadState & { up_to_id: number }>(db, {
    before: [raiseVersions([viewer], sql`u.is_active`)],
    main: sql`
    with newest as (
      select coalesce(max(n.id), 0) as id
      from ${listOf({ types: [] })}
      cross join lateral (
        select n.id
        from notifications n
        where ${ofType(viewer, place, { above: sql`0`, below: from(null) })} and n.withdrawn_at is null
        order by n.user_id desc, n.type desc, n.id desc
        limit 1) n
    ), reached as (
      select i.read_up_to_id as before,
             greatest(i.read_up_to_id, least(newest.id, coalesce(${upToId}::bigint, newest.id))) as id
      from notification_inboxes i, newest
      where i.user_id = ${viewer} and ${isActive(viewer)}
    )
    update notification_inboxes i
    set read_up_to_id = reached.id,
        unread_count = case when reached.id = reached.before then i.unread_count else (
          select count(*)
          from ${listOf({ types: [] })}
          cross join lateral (
            select n.is_read
            from notifications n
            where ${ofType(viewer, place, { above: sql`reached.id`, below: from(null) })} and n.withdrawn_at is null
            order by n.user_id desc, n.type desc, n.id desc) n
          where not n.is_read) end
    from reached
    where i.user_id = ${viewer}
    returning i.unread_count, i.version::float8 as version, i.read_up_to_id::float8 as up_to_id`,
  })
  return row ?? null
}

/** By type whose actions somebody is notified of; what is absent is everyone's. */
export type StoredPreferences = Partial<Record<NotificationType, Audience>>

/** Changes what is given and answers all; null where the account may not be used. */
export async function changePreferences(
  db: Db,
  viewer: UserId,
  changes: StoredPreferences,
): Promise<StoredPreferences | null> {
  const [row] = await query<{ preferences: StoredPreferences }>(
    db,
    sql`
    insert into notification_inboxes as i (user_id, preferences)
    select id, ${JSON.stringify(changes)}::jsonb from users where id = ${viewer} and is_active
    on conflict (user_id) do update set preferences = i.preferences || excluded.preferences
    returning preferences`,
  )
  return row?.preferences ?? null
}

export async function readPreferences(db: Db, viewer: UserId): Promise<StoredPreferences> {
  const [row] = await query<{ preferences: StoredPreferences }>(
    db,
    sql`select preferences from notification_inboxes where user_id = ${viewer}`,
  )
  return row?.preferences ?? {}
}
