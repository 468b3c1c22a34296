import type pg from 'pg'
import { notificationMessage } from '../../../src/contracts/queues.ts'
import type { Db } from '../../../src/db/client.ts'
import type { TweetId, UserId } from '../../../src/domain/ids.ts'
import type { NotificationType } from '../../../src/domain/notifications.ts'
import { tellPeople } from '../../../src/queues/tell-people.ts'
import type { Verdict } from '../../../src/queues/work.ts'
import type { Deps } from '../../../src/services/deps.ts'

export interface OwedRow {
  id: number
  message: unknown
}

/** What the outbox owes to the notifications' queue, oldest first. */
export async function notificationsOwed(pool: pg.Pool): Promise<OwedRow[]> {
  const { rows } = await pool.query<OwedRow>(
    `select id::float8 as id, message from outbox where queue = 'notifications' order by id`,
  )
  return rows
}

/** The same of the pushes' queue. */
export async function pushRowsOwed(pool: pg.Pool): Promise<OwedRow[]> {
  const { rows } = await pool.query<OwedRow>(
    `select id::float8 as id, message from outbox where queue = 'pushes' order by id`,
  )
  return rows
}

export interface Verdicts {
  acked: number[]
  retried: number[]
}

/** Runs the consumer on these rows as one batch; the verdicts name the rows. `again`: as for those that come again. */
export async function consumeRows(deps: Deps, owed: readonly OwedRow[], again = false): Promise<Verdicts> {
  const messages = owed.map(({ id, message }) => notificationMessage.parse({ outbox_id: id, event: message }))
  const verdicts = await tellPeople(deps, messages, again)
  const ids = (wanted: Verdict) => owed.flatMap(({ id }, place) => (verdicts[place] === wanted ? [id] : []))
  return { acked: ids('ack'), retried: ids('retry') }
}

/** Consumes all that is owed, and what that owes in turn, until nothing is. */
export async function consumeAll(pool: pg.Pool, deps: Deps): Promise<void> {
  for (let round = 0; round < 50; round++) {
    const owed = await notificationsOwed(pool)
    if (owed.length === 0) return
    await consumeRows(deps, owed)
  }
  throw new Error(`Still owed: ${JSON.stringify(await notificationsOwed(pool))}`)
}

/** The database as a batch sees it that is killed when it is about to write, or to settle what it has written and told. */
export function dyingBefore(step: 'write' | 'settle', db: Db): Db {
  let isWritten = false
  const die = () => Promise.reject(new Error(`Killed before it could ${step}`))
  return new Proxy(db, {
    get(target, name) {
      if (name === 'batch') {
        if (step === 'write') return die
        isWritten = true
      }
      return name === 'execute' && isWritten ? die : Reflect.get(target, name)
    },
  })
}

/** What somebody has been notified of and what holds, newest first: type, actor, tweet. */
export async function inboxOf(
  pool: pg.Pool,
  user: UserId,
): Promise<[NotificationType, UserId, TweetId | null][]> {
  const { rows } = await pool.query<{ type: NotificationType; actor: UserId; tweet: TweetId | null }>(
    `select type, actor_id::float8 as actor, tweet_id::float8 as tweet
     from notifications where user_id = $1 and withdrawn_at is null order by id desc`,
    [user],
  )
  return rows.map(({ type, actor, tweet }) => [type, actor, tweet])
}

export async function unreadOf(pool: pg.Pool, user: UserId): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    'select unread_count as n from notification_inboxes where user_id = $1',
    [user],
  )
  return rows[0]?.n ?? 0
}

/** The database as a batch sees it when something happens between its plan and its write. */
export function happeningBeforeWrite(db: Db, work: () => Promise<unknown>): Db {
  return new Proxy(db, {
    get(target, name) {
      if (name !== 'batch') return Reflect.get(target, name)
      return async (statements: Parameters<Db['batch']>[0]) => {
        await work()
        return target.batch(statements)
      }
    },
  })
}
