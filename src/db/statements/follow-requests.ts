import { type SQL, sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { UserId } from '../../domain/ids.ts'
import { array, type Db, query, transaction } from '../client.ts'
import type { Subject } from './counters.ts'
import { type Refusal, refusals } from './follows.ts'
import { countFollows, followChangedRow } from './graph-parts.ts'
import { notificationRow, outboxRecord, outboxRow } from './outbox.ts'
import { lockPair, lockPairs, lockPairsAmong } from './pair-lock.ts'
import { sharedPrivacyLock } from './privacy-lock.ts'
import { whichUser } from './users.ts'
import { isErased, isPresent } from './visibility.ts'

type AnswerRefusal = Exclude<Refusal, 'not_claimed'>

/** `requester_id` is null where nothing changed. */
export type RequestAccepted =
  | { outcome: 'accepted'; requester_id: UserId | null; outbox: OutboxRow[] }
  | { outcome: AnswerRefusal | 'follow_request_not_found' }

export type RequestRejected = { outcome: 'rejected'; outbox: OutboxRow[] } | { outcome: AnswerRefusal }

/** The notifications that may change with a request of `rows (requester_id, target_id)`. */
const requestChangedRows = (rows: 'asked' | 'rejected') => sql`
      select ${notificationRow('follow_changed', sql`'follower_id', requester_id, 'followee_id', target_id`)}
      from ${sql.raw(rows)}`

/**
 * The CTEs that make follows of the requests which were taken back in `asked (requester_id, target_id)`, with all that a
 * follow changes. Of several requesters the rows of `users` are locked, in order. Who was erased does not follow: the request
 * just goes. Who is deactivated may come back, and then follows.
 */
const acceptance: SQL = sql`
    followed as (
      insert into follows (follower_id, following_id)
      select a.requester_id, a.target_id
      from asked a
      join users u on u.id = a.requester_id
      where not ${isErased}
      on conflict do nothing
      returning follower_id, following_id
    ), versioned as (
      update users u set graph_version = u.graph_version + 1
      from followed f
      where u.id = f.follower_id
      returning u.id, u.graph_version
    ), ledger as (${countFollows('followed', 1)}
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${followChangedRow(sql`f.follower_id`, sql`f.following_id`, true, sql`v.graph_version`)}
      from followed f
      join versioned v on v.id = f.follower_id
      union all ${requestChangedRows('asked')}
      returning id, queue, message
    )`

/** Lets somebody follow who has asked to. Again does nothing; what was withdrawn cannot be accepted. */
export async function acceptRequest(db: Db, owner: UserId, ref: UserRef): Promise<RequestAccepted> {
  const [row] = await transaction<{ result: RequestAccepted }>(db, {
    before: [lockPair(owner, ref)],
    main: sql`
    with target as (
      select u.id from users u where ${whichUser(ref)} and ${isPresent}
    ), gate as (
      select case ${refusals(owner, { ref, claimedId: null })} end as refusal
    ), asked as (
      delete from follow_requests r using target, gate
      where gate.refusal is null and r.requester_id = target.id and r.target_id = ${owner}
      returning r.requester_id, r.target_id
    ), ${acceptance}
    select case
      when gate.refusal is not null then json_build_object('outcome', gate.refusal)
      when exists (select from asked)
        or exists (select from follows f, target where f.follower_id = target.id and f.following_id = ${owner})
        then json_build_object(
          'outcome', 'accepted', 'requester_id', (select requester_id from asked),
          'outbox', coalesce((select json_agg(${outboxRecord}) from sent), '[]'))
      else json_build_object('outcome', 'follow_request_not_found')
    end as result
    from gate`,
  })
  if (row === undefined) throw new Error('Accepting answered no row')
  return row.result
}

/** Takes a request away; where there is none, nothing changes. */
export async function rejectRequest(db: Db, owner: UserId, ref: UserRef): Promise<RequestRejected> {
  const [row] = await transaction<{ result: RequestRejected }>(db, {
    before: [lockPair(owner, ref)],
    main: sql`
    with target as (
      select u.id from users u
      where ${whichUser(ref)}
        and (${isPresent}
             or exists (select from follow_requests r where r.requester_id = u.id and r.target_id = ${owner}))
    ), gate as (
      select case ${refusals(owner, { ref, claimedId: null })} end as refusal
    ), rejected as (
      delete from follow_requests r using target, gate
      where gate.refusal is null and r.requester_id = target.id and r.target_id = ${owner}
      returning r.requester_id, r.target_id
    ), sent as (
      insert into outbox (queue, message, next_attempt_at) ${requestChangedRows('rejected')}
      returning id, queue, message
    )
    select case
      when gate.refusal is not null then json_build_object('outcome', gate.refusal)
      else json_build_object(
        'outcome', 'rejected', 'outbox', coalesce((select json_agg(${outboxRecord}) from sent), '[]'))
    end as result
    from gate`,
  })
  if (row === undefined) throw new Error('Rejecting answered no row')
  return row.result
}

/** The oldest who ask to follow somebody. `follow_requests_target_id` serves it. */
export async function readOldestRequests(db: Db, owner: UserId, limit: number): Promise<UserId[]> {
  const rows = await query<{ id: UserId }>(
    db,
    sql`
    select requester_id::float8 as id
    from follow_requests
    where target_id = ${owner}
    order by created_at, requester_id
    limit ${limit}`,
  )
  return rows.map(({ id }) => id)
}

/** Requests that are accepted by the request that makes an account public: each is a lock, and some ten rows. */
export const ACCEPTED_AT_ONCE = 100

/** Those whose requests `takePending` took. */
const taken = sql`jsonb_array_elements_text(current_setting('warbler.requesters')::jsonb)`
const takenIds = sql`(select t.id::bigint from ${taken} t(id))`

/**
 * Takes all who ask to follow an account, where they are not more than `max`, for what comes later in the transaction: the
 * locks of their pairs, then of the rows of all of them and the owner, each in one order. They are remembered as a setting of the
 * transaction, so that each of its statements means the same. After the lock of the account's privacy: nobody asks meanwhile.
 */
export function takePending(owner: UserId, max: number): SQL[] {
  return [
    sql`
    select set_config('warbler.requesters', coalesce((
      select case when count(*) <= ${max}::int then jsonb_agg(requester_id) end
      from (select requester_id from follow_requests where target_id = ${owner} limit ${max + 1}) pending), '[]')::text, true)`,
    lockPairsAmong(owner, takenIds),
    sql`select from users where id = ${owner} or id in ${takenIds} order by id for no key update`,
  ]
}

/** CTEs after `updated`, the changed profile: by `followed` and `sent` those who were taken follow. */
export function acceptTaken(owner: UserId): SQL {
  return sql`asked as (
      delete from follow_requests r using updated
      where not updated.is_private and r.target_id = ${owner} and r.requester_id in ${takenIds}
      returning r.requester_id, r.target_id
    ), ${acceptance}`
}

/** The outbox row, from `updated`, by which all others who ask follow. */
export function othersAccepted(owner: UserId): SQL {
  return sql`
      select ${outboxRow('engagement', sql`jsonb_build_object('type', 'accept_requests', 'v', 1, 'user_id', ${owner}::bigint)`)}
      from updated
      where not updated.is_private and exists (
        select from follow_requests where target_id = ${owner} and requester_id not in ${takenIds})`
}

/** The same where nobody is to follow. */
export const NOBODY_ACCEPTED: SQL = sql`followed as (
      select null::bigint as follower_id, null::bigint as following_id where false
    ), sent as (
      select id, queue, message from outbox where false
    )`

/** Whose counters those of `followed` have changed, as JSON. */
export const acceptedSubjects: SQL = sql`coalesce((
        select json_agg(json_build_object('subject', 'user', 'id', id))
        from (select follower_id as id from followed union select following_id from followed) counted), '[]')`

export interface AcceptedStep {
  /** Others wait to be accepted: the outbox row is still there. */
  left: boolean
  subjects: Subject[]
  outbox: OutboxRow[]
}

/**
 * One step of accepting all who have asked to follow an account that was made public: these. Whoever asks meanwhile waits
 * for the lock of its privacy, and then sees that it is public. With the last step the outbox row goes; so it does when
 * the account is private again.
 */
export async function acceptRequests(
  db: Db,
  outboxId: number,
  owner: UserId,
  requesters: readonly UserId[],
): Promise<AcceptedStep> {
  const these = array(requesters, 'bigint')
  const [row] = await transaction<{ step: AcceptedStep }>(db, {
    before: [
      sql`select ${sharedPrivacyLock(sql`${owner}::bigint`)}`,
      lockPairs(owner, requesters),
      sql`select from users where id = any(${these}) order by id for no key update`,
    ],
    main: sql`
    with open as (
      select u.id from users u where u.id = ${owner} and not u.is_private
    ), asked as (
      delete from follow_requests r using open
      where r.target_id = open.id and r.requester_id = any(${these})
      returning r.requester_id, r.target_id
    ), ${acceptance}, step as (
      select exists (
        select from follow_requests r, open
        where r.target_id = open.id and r.requester_id <> all(${these})) as rest
    ), done as (
      delete from outbox where id = ${outboxId} and not (select rest from step)
    )
    select json_build_object(
      'left', (select rest from step),
      'subjects', ${acceptedSubjects},
      'outbox', coalesce((select json_agg(${outboxRecord}) from sent), '[]')) as step`,
  })
  if (row === undefined) throw new Error('Accepting requests answered no row')
  return row.step
}
