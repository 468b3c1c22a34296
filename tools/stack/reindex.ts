import type pg from 'pg'

/** How far the search index has been built anew. */
export interface ReindexState {
  of: 'people' | 'tweets'
  /** All of them up to this id have been gone through. */
  afterId: string
  /** Given up by the consumer: it waits among the dead letters. */
  isDead: boolean
}

const REINDEX = `queue = 'search' and message ->> 'type' = 'reindex'`

/** The statement that owes the search index to be built anew; the relay sends it within a minute. */
export const OWE_REINDEX = `
  insert into outbox (queue, message, next_attempt_at)
  values ('search', jsonb_build_object('type', 'reindex', 'v', 1, 'of', 'people', 'after_id', 0), now())`

/** The step that is owed next, of the reindexing that is furthest back; null when none is under way. */
export async function reindexState(client: pg.ClientBase): Promise<ReindexState | null> {
  const { rows } = await client.query<ReindexState>(`
    select message ->> 'of' as of, message ->> 'after_id' as "afterId", dead_at is not null as "isDead"
    from outbox
    where ${REINDEX}
    order by message ->> 'of', (message ->> 'after_id')::bigint
    limit 1`)
  return rows[0] ?? null
}

/** How many rows a reindexing goes through. */
export async function reindexTotal(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ total: number }>(
    'select ((select count(*) from users) + (select count(*) from tweets))::float8 as total',
  )
  return rows[0]?.total ?? 0
}

/** How many of them are between two places; `from` null for the beginning, `to` null for the end. */
export async function reindexedBetween(
  client: pg.ClientBase,
  from: ReindexState | null,
  to: ReindexState | null,
): Promise<number> {
  const upTo = (of: ReindexState['of'], state: ReindexState | null, beyond: string) => {
    if (state === null) return beyond
    if (state.of === of) return state.afterId
    return of === 'people' ? String(Number.MAX_SAFE_INTEGER) : '0'
  }
  const end = String(Number.MAX_SAFE_INTEGER)
  const { rows } = await client.query<{ done: number }>(
    `select ((select count(*) from users where id > $1 and id <= $2)
             + (select count(*) from tweets where id > $3 and id <= $4))::float8 as done`,
    [upTo('people', from, '0'), upTo('people', to, end), upTo('tweets', from, '0'), upTo('tweets', to, end)],
  )
  return rows[0]?.done ?? 0
}
