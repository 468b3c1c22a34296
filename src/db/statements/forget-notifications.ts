import { sql } from 'drizzle-orm'
import type { UserId } from '../../domain/ids.ts'
import { array, type Db, query, transaction } from '../client.ts'
import { raiseVersions } from './notification-locks.ts'

/** What was withdrawn stays so long, for repeats of what is told and for what is done again. */
const outlived = sql`withdrawn_at < now() - interval '1 day'`

export interface Forgettable {
  id: number
  user_id: UserId
}

/** Notifications that were withdrawn long ago, at most so many. `notifications_withdrawn` serves it. */
export async function readForgettable(db: Db, limit: number): Promise<Forgettable[]> {
  return query<Forgettable>(
    db,
    sql`
    select id::float8 as id, user_id::float8 as user_id
    from notifications
    where ${outlived}
    order by withdrawn_at
    limit ${limit}`,
  )
}

/**
 * Forgets these notifications, with the groups that they leave empty, unless they hold again by now: behind the locks of
 * the inboxes, because whoever finds one there to hold again must still find it to say so.
 */
export async function forgetNotifications(db: Db, forgettable: readonly Forgettable[]): Promise<void> {
  const ids = forgettable.map(({ id }) => id)
  await transaction(db, {
    before: [raiseVersions(forgettable.map(({ user_id }) => user_id))],
    main: sql`
    with gone as (
      delete from notifications
      where id = any(${array(ids, 'bigint')}) and ${outlived}
      returning user_id, type, tweet_id, created_at
    ), of_tweets as (
      delete from notification_groups g
      using gone
      where g.user_id = gone.user_id and g.type = gone.type and g.tweet_id = gone.tweet_id and g.total <= 0
    )
    delete from notification_groups g
    using gone
    where gone.tweet_id is null and g.user_id = gone.user_id and g.type = gone.type and g.tweet_id is null
      and g.day = (gone.created_at at time zone 'utc')::date and g.total <= 0`,
  })
}
