import { afterAll, beforeAll, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import {
  type ArchivePart,
  type ArchivePlace,
  readArchivePage,
} from '../../src/db/statements/archive-pages.ts'
import { ARCHIVE_PARTS } from '../../src/db/statements/archive-parts.ts'
import { idFloor, type UserId } from '../../src/domain/ids.ts'
import { communityIn } from './harness/community.ts'
import { runOf } from './harness/plans.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

/** Rows that the hoarder has of each kind: several pages. */
const MANY = 12_000
/** Somebody else's, beside them. */
const OTHERS = 24_000

let database: TestDatabase
let db: Db
let hoarder: UserId

beforeAll(async () => {
  database = await startTestDatabase()
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
  hoarder = await communityIn(database.pool).addUser()
  const people = `
    insert into users (id, username, email, password_hash, display_name)
    select 10000000 + n, 'many_' || n, 'many_' || n, '', '' from generate_series(1, ${OTHERS}) n`
  // The hoarder's among as many of each of the others as there are pages.
  const own = (columns: string) =>
    `select ${columns.replaceAll('$me', String(hoarder))} from generate_series(1, ${MANY}) n
     union all select ${columns.replaceAll('$me', '10000000 + n % 100 + 1')} from generate_series(101, ${OTHERS}) n`
  const statements = [
    people,
    `insert into likes (user_id, tweet_id) ${own('$me, n')}`,
    `insert into bookmarks (user_id, tweet_id) ${own('$me, n')}`,
    `insert into retweets (id, user_id, tweet_id) select row_number() over (), * from (${own('$me, n')}) r`,
    `insert into follows (follower_id, following_id) ${own('$me, 10000000 + n')}`,
    `insert into follows (follower_id, following_id) ${own('10000000 + n, $me')} on conflict do nothing`,
    `insert into follow_requests (requester_id, target_id) ${own('$me, 10000000 + n')}`,
    `insert into follow_requests (requester_id, target_id) ${own('10000000 + n, $me')} on conflict do nothing`,
    `insert into blocks (blocker_id, blocked_id) ${own('$me, 10000000 + n')}`,
    `insert into mutes (muter_id, muted_id) ${own('$me, 10000000 + n')}`,
    `insert into notifications (user_id, actor_id, type) ${own("$me, 10000000 + n, case when n % 2 = 0 then 'like' else 'follow' end")}`,
    `insert into tweets (id, user_id, content, entities, conversation_id, nonce)
     select ${idFloor(Date.now())}::bigint + row_number() over (), user_id, 'hello', '{}', 1, gen_random_uuid()
     from (${own('$me as user_id')}) t`,
    // Ten messages each way with 400 people; with one of them, many more.
    `insert into direct_messages (sender_id, receiver_id, content)
     select sender, receiver, 'hello'
     from (select ${hoarder} as sender, 10000000 + n % 400 + 1 as receiver from generate_series(1, 4000) n
           union all select 10000000 + n % 400 + 1, ${hoarder} from generate_series(1, 4000) n
           union all select ${hoarder}, 10000200 from generate_series(1, ${MANY})
           union all select 10000000 + n, 10000001 from generate_series(2, ${OTHERS}) n) m`,
    `insert into conversations (user_id, other_id, last_message_id, is_accepted)
     select ${hoarder}, 10000000 + n, 1, true from generate_series(1, 400) n
     union all select 10000001, 10000000 + n, 1, true from generate_series(2, ${OTHERS}) n`,
  ]
  // Without checks of foreign keys, which would take longer than all the rest.
  await database.pool.query(
    `begin; set local session_replication_role = replica; ${statements.join(';')}; commit`,
  )
  await database.pool.query('vacuum analyze')
})

afterAll(() => database.stop())

/** Where a page of a part begins after so many others. */
async function placeAfter(part: ArchivePart, pages: number): Promise<ArchivePlace> {
  let place: ArchivePlace = null
  for (let page = 0; page < pages; page++) place = (await readArchivePage(db, part, hoarder, place)).next
  if (place === null) throw new Error('There are not so many pages')
  return place
}

it.each([
  ['tweets.json', 'tweets'],
  ['retweets.json', 'retweets'],
  ['likes.json', 'likes'],
  ['bookmarks.json', 'bookmarks'],
  ['following.json', 'follows'],
  ['followers.json', 'follows'],
  ['follow_requests_sent.json', 'follow_requests'],
  ['follow_requests_received.json', 'follow_requests'],
  ['blocks.json', 'blocks'],
  ['mutes.json', 'mutes'],
  ['notifications.json', 'notifications'],
  ['messages.json', 'direct_messages'],
] as const)('a page of %s reads no more than the page, wherever it begins', async (name, table) => {
  const part = ARCHIVE_PARTS[name]
  for (const pages of [1, 2]) {
    const place = await placeAfter(part, pages)
    const { steps } = await runOf(database.pool, () => readArchivePage(db, part, hoarder, place))
    const own = steps.filter(({ relation }) => relation?.startsWith(table))
    expect(own.some(({ type }) => type === 'Seq Scan')).toBe(false)
    const rows = own.reduce((sum, step) => sum + step.rows, 0)
    expect(rows).toBeGreaterThan(0)
    expect(rows).toBeLessThanOrEqual(4 * part.rows)
  }
})
