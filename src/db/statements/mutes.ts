import { type SQL, sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { UserId } from '../../domain/ids.ts'
import { type Db, transaction } from '../client.ts'
import { type Refusal, refusals } from './follows.ts'
import { dropChangedRow } from './graph-parts.ts'
import { outboxRecord } from './outbox.ts'
import { lockPair } from './pair-lock.ts'
import { whichUser } from './users.ts'
import { isPresent } from './visibility.ts'

/** A mute that was made, changed or ended, as the muter's timeline is told of it. */
export interface MuteChange {
  muted_id: UserId
  version: number
  /** Unix ms; null for a mute that stays, and for one that was ended. */
  until_ms: number | null
}

/** `change` is null where nothing changed. */
export type Muted =
  | { outcome: 'done'; change: MuteChange | null; outbox: OutboxRow[] }
  | { outcome: Exclude<Refusal, 'not_claimed'> | 'cannot_mute_self' }

/** Mutes until then (Unix ms), or for good; again sets another end. One that has expired begins anew. */
export async function insertMute(
  db: Db,
  muter: UserId,
  ref: UserRef,
  untilMs: number | null,
): Promise<Muted> {
  return changeMute(db, muter, ref, {
    dropped: true,
    target: sql`select u.id from users u where ${whichUser(ref)} and ${isPresent}`,
    selfRefusal: sql`when (select id from target) = ${muter} then 'cannot_mute_self'`,
    change: sql`
      insert into mutes as m (muter_id, muted_id, expires_at)
      select ${muter}, target.id, to_timestamp(${untilMs}::float8 / 1000)
      from target, gate
      where gate.refusal is null
      on conflict (muter_id, muted_id) do update
      set expires_at = excluded.expires_at,
          created_at = case when m.expires_at <= now() then now() else m.created_at end
      where m.expires_at is distinct from excluded.expires_at
      returning muted_id, (extract(epoch from expires_at) * 1000)::bigint as until_ms`,
  })
}

/** Ends a mute. Somebody who was deactivated or suspended meanwhile is found by who muted them. */
export async function deleteMute(db: Db, muter: UserId, ref: UserRef): Promise<Muted> {
  return changeMute(db, muter, ref, {
    dropped: false,
    target: sql`
      select u.id from users u
      where ${whichUser(ref)}
        and (${isPresent} or exists (select from mutes m where m.muter_id = ${muter} and m.muted_id = u.id))`,
    selfRefusal: sql``,
    change: sql`
      delete from mutes m using target, gate
      where gate.refusal is null and m.muter_id = ${muter} and m.muted_id = target.id
      returning m.muted_id, null::bigint as until_ms`,
  })
}

/** A change of a mute is the muter's alone, so only their timeline is told. */
async function changeMute(
  db: Db,
  muter: UserId,
  ref: UserRef,
  { dropped, target, selfRefusal, change }: { dropped: boolean; target: SQL; selfRefusal: SQL; change: SQL },
): Promise<Muted> {
  const dropRow = dropChangedRow({
    user: sql`${muter}::bigint`,
    other: sql`c.muted_id`,
    reason: sql`'mute'`,
    dropped,
    untilMs: sql`c.until_ms`,
    version: sql`v.graph_version`,
  })
  const [row] = await transaction<{ result: Muted }>(db, {
    before: [lockPair(muter, ref)],
    main: sql`
    with target as (${target}
    ), gate as (
      select case ${refusals(muter, { ref, claimedId: null })} ${selfRefusal} end as refusal
    ), changed as (${change}
    ), versioned as (
      update users set graph_version = graph_version + 1
      where id = ${muter} and exists (select from changed)
      returning graph_version
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${dropRow} from changed c, versioned v
      returning id, queue, message
    )
    select case
      when gate.refusal is not null then json_build_object('outcome', gate.refusal)
      else json_build_object(
        'outcome', 'done',
        'change', (
          select json_build_object('muted_id', c.muted_id, 'version', v.graph_version, 'until_ms', c.until_ms)
          from changed c, versioned v),
        'outbox', coalesce((select json_agg(${outboxRecord}) from sent), '[]'))
    end as result
    from gate`,
  })
  if (row === undefined) throw new Error('Changing a mute answered no row')
  return row.result
}
