import { sql } from 'drizzle-orm'
import type { TweetId, UserId } from '../../domain/ids.ts'
import { array, type Db, query } from '../client.ts'
import { isPresent, noBlockBetween, tweetIsVisibleTo } from './visibility.ts'

/** Tweets and people that something shows. */
export interface Named {
  tweets: readonly TweetId[]
  people: readonly UserId[]
}

/**
 * Of these, what the viewer may not see (any more): tweets that are gone or not for them, people who are gone or behind
 * a block. All by their primary keys.
 */
export async function readHidden(db: Db, viewer: UserId, { tweets, people }: Named): Promise<Named> {
  const [row] = await query<{ hidden: Named }>(
    db,
    sql`
    select json_build_object(
      'tweets', coalesce((
        select json_agg(asked.id)
        from unnest(${array(tweets, 'bigint')}) as asked(id)
        left join lateral (
          select true as holds
          from tweet_by_id(asked.id) t
          join users u on u.id = t.user_id
          where ${tweetIsVisibleTo(viewer)}) seen on true
        where seen.holds is null), '[]'),
      'people', coalesce((
        select json_agg(asked.id)
        from unnest(${array(people, 'bigint')}) as asked(id)
        left join users u on u.id = asked.id and ${isPresent}
        where u.id is null or not ${noBlockBetween(viewer, sql`u.id`)}), '[]')) as hidden`,
  )
  return row?.hidden ?? { tweets: [], people: [] }
}
