import { type SQL, sql } from 'drizzle-orm'
import type { Publication } from './publish-tweet.ts'

/** Waits for another request with the same key. A key older than 24 hours is free again. */
export function claimIdempotencyKey({ authorId, tweets: [first], idempotency }: Publication): SQL | null {
  if (idempotency === null) return null
  return sql`
    insert into idempotency_keys as k (user_id, key, request_hash, result_id)
    select id, ${idempotency.key}, ${idempotency.requestHash}, ${first.id} from users where id = ${authorId}
    on conflict (user_id, key) do update
    set request_hash = excluded.request_hash, result_id = excluded.result_id, created_at = now()
    where k.created_at < now() - interval '24 hours'`
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
    where user_id = ${authorId} and key = ${idempotency.key} and xmin = pg_current_xact_id()::xid
      and not exists (select from tweets where id = ${first.id} and nonce = ${nonce})`
}
