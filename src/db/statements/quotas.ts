import { type SQL, sql } from 'drizzle-orm'
import type { UserId } from '../../domain/ids.ts'

export interface Quota {
  name: 'tweets' | 'follows' | 'likes' | 'messages'
  limit: number
  windowSeconds: number
}

/**
 * A data-modifying CTE's body that takes uses of a sliding window, all or none, where `condition` holds, and returns
 * a row if it could. `on conflict do update` locks the newest version of the window's row and evaluates its
 * `where` on it: the limit is exact under concurrency, in the write's own statement, with nothing to refund. Uses are
 * kept in order, so there is room if the one that would have to leave has left, or there are not so many.
 */
export function takeQuota(user: UserId, quota: Quota, condition: SQL, uses = 1): SQL {
  const since = sql`now() - make_interval(secs => ${quota.windowSeconds})`
  const taken = sql`array_fill(now(), array[${uses}::int])`
  return sql`
      insert into quota_windows as w (user_id, quota, uses)
      select ${user}::bigint, ${quota.name}, ${taken}
      where ${condition} and ${uses}::int <= ${quota.limit}::int
      on conflict (user_id, quota) do update
      set uses = array(select use from unnest(w.uses || ${taken}) use where use > ${since} order by use)
      where (w.uses[cardinality(w.uses) - ${quota.limit}::int + ${uses}::int] > ${since}) is not true
      returning true as taken`
}

/**
 * Seconds until so many of the oldest uses have left the window that the refused ones find room: when the request
 * may try again. A whole window where all uses were taken by requests that this one waited for: it was refused for
 * what its own snapshot does not show.
 */
export function quotaFreeInSeconds(user: UserId, { name, limit, windowSeconds }: Quota, uses = 1): SQL {
  return sql`coalesce((
      select least(${windowSeconds}::int, ceil(extract(epoch from leaves_at - now()))::int)
      from (select uses[greatest(1, cardinality(uses) - ${limit}::int + ${uses}::int)]
                   + make_interval(secs => ${windowSeconds}) as leaves_at
            from quota_windows
            where user_id = ${user} and quota = ${name}) w
      where leaves_at > now()), ${windowSeconds}::int)`
}
