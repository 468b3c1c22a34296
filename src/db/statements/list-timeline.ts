import { sql } from 'drizzle-orm'
import { type ListId, MAX_ID, type UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'
import { newestEntries } from './home-windows.ts'
import { listIsVisibleTo } from './lists.ts'
import { tweetRecord, userRecord, viewerFlags } from './tweet-columns.ts'
import type { EntryRow } from './tweets.ts'
import {
  isPresent,
  mayRead,
  notHiddenAsSensitive,
  notMutedBy,
  tweetIsVisibleTo,
  viewerId,
} from './visibility.ts'

/** Which part of a scroll: below an entry, or after skipping some. */
export interface ListTimelinePage {
  before: number | null
  /** The newest entry of this scroll: what is newer is as if it were not there. Null as it begins. */
  top: number | null
  nowMs: number
  limit: number
  offset: number
}

/**
 * What the members of a list wrote, replies included, and retweeted, newest first; null where the viewer may not read the
 * list. Without members who are gone, muted, or whom the viewer may not read, and what is hidden as sensitive. A place whose
 * tweet stands further up, as a member's newer retweet, or is hidden as one's retweet, comes back without its entry, so that a page knows how far it has read.
 *
 * One statement, in windows that widen into the past as those of a home timeline: each member gives no more than the page
 * takes, and a window is read only while those before it have not filled the page. Whether a tweet stands further up is a probe
 * of `idx_retweets_tweet_id` and, for one that was retweeted since, a probe of `retweets_user_id_tweet_id_unique` for each
 * member: that costs what the list has members, however often the tweet was retweeted.
 */
export async function readListEntries(
  db: Db,
  list: ListId,
  viewer: UserId | null,
  { before, top, nowMs, limit, offset }: ListTimelinePage,
): Promise<EntryRow[] | null> {
  const who = viewerId(viewer)
  const newer = sql`n.tweet_id = page.tweet_id and n.id > page.id and n.id <= ${top ?? MAX_ID}::bigint`
  const newest = newestEntries(who, before ?? MAX_ID, nowMs, limit + offset, notHiddenAsSensitive(who))
  const rows = await query<EntryRow | { entry_id: null; entry: null }>(
    db,
    sql`
    with list as materialized (
      select l.id from lists l join users u on u.id = l.owner_id where l.id = ${list} and ${listIsVisibleTo(who)}
    ), authors as materialized (
      select u.id, true as show_retweets
      from list
      join list_members m on m.list_id = list.id
      join users u on u.id = m.user_id
      where ${isPresent} and ${mayRead(who)} and ${notMutedBy(who, sql`u.id`)}
    ), page as materialized (
      select * from (${newest}) newest order by id desc offset ${offset}
    )
    select page.id::float8 as entry_id, shown.entry
    from list
    left join page on true
    left join lateral (
      select json_build_object(
               'tweet', ${tweetRecord(who, notHiddenAsSensitive(who))},
               'flags', ${viewerFlags(who)},
               'retweeter', case when r.id is not null then ${userRecord('r')} end) as entry
      from tweet_by_id(page.tweet_id) t
      join users u on u.id = t.user_id
      left join users r on r.id = page.retweeter_id
      where ${tweetIsVisibleTo(who)} and ${notHiddenAsSensitive(who)}
        and not case when exists (select from retweets n where ${newer}) then exists (
          select
          from authors a
          cross join lateral (select from retweets n where n.user_id = a.id and ${newer} offset 0) n) else false end
      ) shown on true
    order by page.id desc`,
  )
  if (rows.length === 0) return null
  return rows.flatMap((row) => (row.entry_id === null ? [] : [row]))
}
