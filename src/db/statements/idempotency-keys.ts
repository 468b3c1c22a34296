import { type SQL, sql } from 'drizzle-orm'
import type { Publication } from './publish-tweet.ts'
import type { NewMessage } from './send-message.ts'
import { whichUser } from './users.ts'

export interface Idempotency {
  key: string
  requestHash: string
}

/** The end of an insert into `idempotency_keys as k`. */
const unlessTaken = sql`
    on conflict (user_id, key) do update
    set request_hash = excluded.request_hash, result_id = excluded.result_id, created_at = now()
    where k.created_at < now() - interval '24 hours'`

/** A key that this very transaction has claimed. */
const isOwnClaim = sql`xmin = pg_current_xact_id()::xid`

/** Waits for another request with the same key. A key older than 24 hours is free again. */
export function claimIdempotencyKey({ authorId, tweets: [first], idempotency }: Publication): SQL | null {
  if (idempotency === null) return null
  return sql`
    insert into idempotency_keys as k (user_id, key, request_hash, result_id)
    select id, ${idempotency.key}, ${idempotency.requestHash}, ${first.id} from users where id = ${authorId}${unlessTaken}`
}

/** A request that was refused leaves its key free. `xmin`: what another request claimed is not this one's to release. */
export function releaseIdempotencyKey({
  authorId,
  tweets: [first],
  nonce,
  idempotency,
}: Publication): SQL | null {
  if (idempotency === null) return null
  return sql`
    delete from idempotency_keys
    where user_id = ${authorId} and key = ${idempotency.key} and ${isOwnClaim}
      and not exists (select from tweets where id = ${first.id} and nonce = ${nonce})`
}

/** The next id of a message. */
export const nextMessageId = sql`nextval(pg_get_serial_sequence('direct_messages', 'id'))`

/** The same for a message to the user `u`, which takes its id here: whom it is to is part of what is asked for. */
export function claimMessageKey({ senderId, receiver, idempotency }: NewMessage): SQL | null {
  if (idempotency === null) return null
  return sql`
    insert into idempotency_keys as k (user_id, key, request_hash, result_id)
    select sender.id, ${idempotency.key}, ${idempotency.requestHash} || ':' || u.id, ${nextMessageId}
    from users sender, users u
    where sender.id = ${senderId} and ${whichUser(receiver)}${unlessTaken}`
}

/** A CTE's body: what is known of the key for a message to `receiver.id`; `is_claimed` by this transaction. */
export function messageKey({ senderId, idempotency }: NewMessage): SQL {
  return sql`
      select result_id, ${isOwnClaim} as is_claimed,
             request_hash = ${idempotency?.requestHash ?? null} || ':' || receiver.id as is_same
      from idempotency_keys, receiver
      where user_id = ${senderId} and key = ${idempotency?.key ?? null}`
}

export function releaseMessageKey({ senderId, idempotency }: NewMessage): SQL | null {
  if (idempotency === null) return null
  return sql`
    delete from idempotency_keys k
    where user_id = ${senderId} and key = ${idempotency.key} and ${isOwnClaim}
      and not exists (select from direct_messages m where m.id = k.result_id)`
}
