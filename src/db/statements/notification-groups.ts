import { type SQL, sql } from 'drizzle-orm'

/** Names of the newest that a group keeps. */
const ACTORS_KEPT = 5

/** The day of the group that a notification without a tweet stands in. */
const dayOf = (notification: SQL): SQL =>
  sql`case when ${notification}.tweet_id is null then (${notification}.created_at at time zone 'utc')::date end`

/** The active rows of `notifications` that this statement does not withdraw. */
const stays: SQL = sql`n.withdrawn_at is null and n.id not in (select w.id from withdrawn w)`

/**
 * The body of a CTE that counts into the groups what `changed`, of which `withdrawn` are those that went: at most so many.
 * Who is the newest is looked up, because what is withdrawn may have been. Only of likes and retweets of a tweet
 * (`notifications_tweet_id`), which are all its author's, and of what one day brought (`idx_notifications_user_id`, from
 * the group's newest on and no further than there are rows in it) can there be others.
 */
export const countIntoGroups = (most: number): SQL => sql`
      insert into notification_groups as g (user_id, type, tweet_id, day, latest_id, latest_at, total, actor_ids)
      select touched.user_id, touched.type, touched.tweet_id, touched.day, coalesce(newest.id, 0),
             coalesce(newest.created_at, '-infinity'), touched.change, coalesce(newest.actor_ids, '{}')
      from (
        select n.user_id, n.type, n.tweet_id, ${dayOf(sql`n`)} as day, sum(n.change) as change,
               count(*) filter (where n.change < 0) as ended, ${newestOf(sql`n.id`)} as ids,
               ${newestOf(sql`n.actor_id`)} as actor_ids, ${newestOf(sql`n.created_at`)} as times
        from changed n
        group by 1, 2, 3, 4
        limit ${most}) touched
      left join lateral (
        select g.latest_id, g.total
        from notification_groups g
        where touched.tweet_id is null and g.user_id = touched.user_id and g.type = touched.type
          and g.tweet_id is null and g.day = touched.day) before on true
      cross join lateral (
        select max(kept.id) as id, max(kept.created_at) as created_at,
               array_agg(kept.actor_id order by kept.id desc) as actor_ids
        from (
          select came.id, came.actor_id, came.created_at
          from unnest(touched.ids, touched.actor_ids, touched.times) as came(id, actor_id, created_at)
          union all
          (select n.id, n.actor_id, n.created_at
           from notifications n
           where touched.type in ('like', 'retweet') and n.tweet_id = touched.tweet_id
             and n.type between touched.type and touched.type and n.user_id = touched.user_id and ${stays}
           order by n.type desc, n.id desc
           limit ${ACTORS_KEPT})
          union all
          (select n.id, n.actor_id, n.created_at
           from notifications n
           where (n.user_id, n.type, n.id) > (touched.user_id, touched.type, 0)
             and (n.user_id, n.type, n.id) <= (touched.user_id, touched.type, before.latest_id)
             and ${dayOf(sql`n`)} = touched.day and ${stays}
           order by n.user_id desc, n.type desc, n.id desc
           limit least(${ACTORS_KEPT}::bigint, greatest(0, before.total - touched.ended)))
          order by id desc
          limit ${ACTORS_KEPT}) kept) newest
      on conflict (user_id, type, tweet_id, day) do update
      set latest_id = coalesce(nullif(excluded.latest_id, 0), g.latest_id),
          latest_at = case when excluded.latest_id = 0 then g.latest_at else excluded.latest_at end,
          total = g.total + excluded.total,
          actor_ids = excluded.actor_ids`

/** Of the newest few that came. */
function newestOf(column: SQL): SQL {
  return sql`(array_agg(${column} order by n.id desc) filter (where n.change > 0))[1:${ACTORS_KEPT}]`
}
