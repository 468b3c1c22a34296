import { sql } from 'drizzle-orm'
import type { UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'
import type { ListPage } from './places.ts'
import { tweetRecord, viewerFlags } from './tweet-columns.ts'
import type { ListedTweet } from './tweet-lists.ts'
import { notHiddenAsSensitive, notMutedBy, tweetIsVisibleTo, viewerId } from './visibility.ts'

/** Uses of a hashtag that a page looks at, past its offset: where few of so many may be seen, the page is shorter. */
const LOOKED_AT_MAX = 1_000

/**
 * The tweets with a hashtag (folded), newest first, as far as the viewer may see them: without those of the muted, and without
 * sensitive ones where the viewer hides these, as readers do who are signed out. A page is filled up past what may not be seen; where
 * that is nearly all of a thousand, it ends with a place without a tweet, behind which the next one goes on.
 *
 * One statement that reads no more of the hashtag than the page needs: `idx_tweet_hashtags_hashtag_id`, in its order, and tweets by
 * their primary key.
 */
export async function readHashtagTweets(
  db: Db,
  tag: string,
  viewer: UserId | null,
  { after, offset, limit }: ListPage<number>,
): Promise<ListedTweet<number>[]> {
  const who = viewerId(viewer)
  const uses = sql`
        select x.tweet_id
        from tweet_hashtags x
        where x.hashtag_id = (select id from named) and ${after === null ? sql`true` : sql`x.tweet_id < ${after}`}
        order by x.tweet_id desc`
  return query<ListedTweet<number>>(
    db,
    sql`
    with named as materialized (
      select h.id from hashtags h where h.tag = ${tag}
    ), page as materialized (
      select used.tweet_id
      from (${uses} limit ${offset + LOOKED_AT_MAX}) used
      cross join lateral tweet_by_id(used.tweet_id) t
      join users u on u.id = t.user_id
      where ${tweetIsVisibleTo(who)} and ${notMutedBy(who, sql`u.id`)} and ${notHiddenAsSensitive(who)}
      order by used.tweet_id desc
      limit ${limit} offset ${offset}
    ), listed as (
      select tweet_id, true as is_shown from page
      union all
      (select tweet_id, false from (${uses} limit 1 offset ${offset + LOOKED_AT_MAX - 1}) last
       where (select count(*) from page) < ${limit})
    )
    select listed.tweet_id::float8 as place, seen.shown
    from listed
    left join lateral (
      select json_build_object('tweet', ${tweetRecord(who, notHiddenAsSensitive(who))}, 'flags', ${viewerFlags(who)}) as shown
      from tweet_by_id(listed.tweet_id) t
      join users u on u.id = t.user_id
      where listed.is_shown) seen on true
    order by listed.tweet_id desc, listed.is_shown desc`,
  )
}
