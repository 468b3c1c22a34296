import { sql } from 'drizzle-orm'
import type { Relationship } from '../../contracts/http/users.ts'
import type { UserId } from '../../domain/ids.ts'
import { array, type Db, query } from '../client.ts'
import type { UserCardRow } from './profile-columns.ts'
import { tweetRecord, userRecord, viewerFlags } from './tweet-columns.ts'
import type { ShownTweet } from './tweets.ts'
import { relationshipRecord } from './users.ts'
import {
  isPresent,
  noBlockBetween,
  notHiddenAsSensitive,
  notMutedBy,
  tweetIsVisibleTo,
} from './visibility.ts'

export interface TweetsFound {
  /** By the tweet's id; what the viewer is not to see is not among them. */
  shown: (ShownTweet & { id: number })[]
  /** The viewer does not want to see what is sensitive. */
  hides_sensitive: boolean
}

/**
 * Of tweets that search has found, those that this viewer may see by now: whom one has muted only where `named` (folded
 * usernames) asks for them. `tweets_pkey` serves it, in the tweets' own partitions.
 */
export async function readFoundTweets(
  db: Db,
  ids: readonly number[],
  viewer: UserId,
  named: readonly string[],
): Promise<TweetsFound> {
  const [row] = await query<{ found: TweetsFound }>(
    db,
    sql`
    with me as materialized (
      select coalesce((select hide_sensitive from users where id = ${viewer}), true) as hides_sensitive
    )
    select json_build_object(
      'hides_sensitive', me.hides_sensitive,
      'shown', coalesce((
        select json_agg(json_build_object(
          'id', t.id, 'tweet', ${tweetRecord(viewer, notHiddenAsSensitive(viewer))}, 'flags', ${viewerFlags(viewer)}))
        from unnest(${array(ids, 'bigint')}) as hit(id)
        cross join lateral tweet_by_id(hit.id) t
        join users u on u.id = t.user_id
        where ${tweetIsVisibleTo(viewer)}
          and ${notHiddenAsSensitive(viewer)}
          and (lower(u.username) = any(${array(named, 'text')}) or ${notMutedBy(viewer, sql`u.id`)})), '[]')) as found
    from me`,
  )
  return row?.found ?? { shown: [], hides_sensitive: true }
}

export interface FoundUserRow {
  user: UserCardRow
  relationship: Relationship
}

/** Of people whom search has found, those who are there for this viewer. */
export async function readFoundUsers(
  db: Db,
  ids: readonly number[],
  viewer: UserId,
): Promise<FoundUserRow[]> {
  return query<FoundUserRow>(
    db,
    sql`
    select ${userRecord('u')} as user, ${relationshipRecord(viewer)} as relationship
    from users u
    where u.id = any(${array(ids, 'bigint')}) and ${isPresent} and ${noBlockBetween(viewer, sql`u.id`)}`,
  )
}
