import { type SQL, sql } from 'drizzle-orm'
import type { UserId } from '../../domain/ids.ts'

export interface Quota {
  name: 'tweets' | 'follows'
  limit: number
  windowSeconds: number
}

/**
 * A data-modifying CTE's body that takes one use of a sliding window where `condition` holds, and returns a
 * row if it could. `on conflict do update` locks the newest version of the window's row and evaluates its
 * `where` on it: the limit is exact under concurrency, in the write's own statement, with nothing to refund.
 */
export function takeQuota(user: UserId, quota: Quota, condition: SQL): SQL {
  const since = sql`now() - make_interval(secs => ${quota.windowSeconds})`
  return sql`
      insert into quota_windows as w (user_id, quota, uses)
      select ${user}::bigint, ${quota.name}, array[now()]
      where ${condition}
      on conflict (user_id, quota) do update
      set uses = array(select use from unnest(w.uses) use where use > ${since} order by use) || now()
      where (select count(*) from unnest(w.uses) use where use > ${since}) < ${quota.limit}
      returning true as taken`
}

/**
 * Seconds until the oldest use leaves the window: when a refused request may try again. A whole window where all
 * uses were taken by requests that this one waited for: it was refused for what its own snapshot does not show.
 */
export function quotaFreeInSeconds(user: UserId, { name, windowSeconds }: Quota): SQL {
  return sql`(
      select least(
        ${windowSeconds}::int,
        ceil(extract(epoch from min(use) + make_interval(secs => ${windowSeconds}) - now()))::int)
      from quota_windows w, unnest(w.uses) use
      where w.user_id = ${user} and w.quota = ${name} and use > now() - make_interval(secs => ${windowSeconds}))`
}
