import type pg from 'pg'
import type { ListId, UserId } from '../../../src/domain/ids.ts'
import { newEntryId } from './engagement.ts'

/** Puts a list straight into the database. */
export async function addList(
  pool: pg.Pool,
  owner: UserId,
  { members = [], isPrivate = false }: { members?: readonly UserId[]; isPrivate?: boolean } = {},
): Promise<ListId> {
  const { rows } = await pool.query<{ id: ListId }>(
    `with made as (
       insert into lists (owner_id, name, is_private, member_count) values ($1, 'A list', $2, cardinality($3::bigint[]))
       returning id
     ), added as (
       insert into list_members (list_id, user_id) select made.id, member from made, unnest($3::bigint[]) member
     )
     select id::float8 as id from made`,
    [owner, isPrivate, members],
  )
  const [list] = rows
  if (list === undefined) throw new Error('No list was added')
  return list.id
}

/** Puts a retweet straight into the database; answers its id. */
export async function addRetweet(pool: pg.Pool, by: UserId, tweet: number): Promise<number> {
  const id = newEntryId(by)
  await pool.query('insert into retweets (id, user_id, tweet_id) values ($1, $2, $3)', [id, by, tweet])
  return id
}
