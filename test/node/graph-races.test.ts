import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { deleteBlock, insertBlock } from '../../src/db/statements/blocks.ts'
import {
  eraseBlocks,
  eraseFollowees,
  eraseFollowers,
  eraseFollowRequests,
} from '../../src/db/statements/erase-graph.ts'
import { acceptRequest, acceptRequests, rejectRequest } from '../../src/db/statements/follow-requests.ts'
import { insertFollow, updateFollow } from '../../src/db/statements/follows.ts'
import { deleteListMember, insertListMember } from '../../src/db/statements/list-members.ts'
import { deleteMute, insertMute } from '../../src/db/statements/mutes.ts'
import { updateProfile } from '../../src/db/statements/update-profile.ts'
import type { ListId, UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn, inTransaction, somebodyWaits } from './harness/community.ts'
import { deadlocksIn } from './harness/endpoint.ts'
import { addList } from './harness/lists.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const waits = () => vi.waitFor(async () => expect(await somebodyWaits(people.pool)).toBe(true), 5_000)
const AMPLE = { name: 'follows', limit: 1_000, windowSeconds: 86_400 } as const
const follow = (follower: UserId, id: UserId) =>
  insertFollow(db, follower, { ref: { id }, claimedId: null }, AMPLE)

const erasing = (userId: UserId) => ({ outboxId: 1, userId, part: 'own_rows' as const, nth: 0, rows: 10 })

const pairLock = (a: UserId, b: UserId) => ({
  text: `select pg_advisory_xact_lock(hashtextextended(least($1::bigint, $2) || ':' || greatest($1::bigint, $2), 0))`,
  values: [a, b],
})

describe('what changes between two waits for what else does: ', () => {
  it.each<[string, (a: UserId, b: UserId) => Promise<unknown>]>([
    ['block', (a, b) => insertBlock(db, a, { id: b })],
    ['unblock', (a, b) => deleteBlock(db, a, { id: b })],
    ['mute', (a, b) => insertMute(db, a, { id: b }, null)],
    ['unmute', (a, b) => deleteMute(db, a, { id: b })],
    ['accept', (a, b) => acceptRequest(db, a, { id: b })],
    ['reject', (a, b) => rejectRequest(db, a, { id: b })],
    ['accept all', (a, b) => acceptRequests(db, 1, a, [b])],
    ['settle', (a, b) => updateFollow(db, a, { id: b }, { show_retweets: false })],
    ['erase who follows', (a, b) => people.add('follows', b, a).then(() => eraseFollowers(db, erasing(a)))],
    [
      'erase whom it follows',
      (a, b) => people.add('follows', a, b).then(() => eraseFollowees(db, erasing(a))),
    ],
    [
      'erase requests',
      (a, b) => people.add('follow_requests', a, b).then(() => eraseFollowRequests(db, erasing(a))),
    ],
    ['erase blocks', (a, b) => people.add('blocks', b, a).then(() => eraseBlocks(db, erasing(a)))],
  ])('%s', async (_name, change) => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    let isDone = false
    let changed: Promise<unknown> = Promise.resolve()
    await inTransaction(people.pool, [pairLock(a, b)], async () => {
      changed = change(a, b).then(() => {
        isDone = true
      })
      await waits()
      expect(isDone).toBe(false)
    })
    await changed
  })
})

describe('going public', () => {
  it('waits for those who are asking, who follow then', async () => {
    const [a, b] = [await people.addUser(), await people.addUser({ is_private: true })]
    let opened: ReturnType<typeof updateProfile> | null = null
    const asking = [
      {
        text: `select pg_advisory_xact_lock_shared(hashtextextended('privacy:' || $1::bigint, 0))`,
        values: [b],
      },
      { text: 'insert into follow_requests (requester_id, target_id) values ($1, $2)', values: [a, b] },
    ]
    await inTransaction(people.pool, asking, async () => {
      opened = updateProfile(db, b, { is_private: false })
      await waits()
    })
    expect(await opened).toMatchObject({
      outcome: 'updated',
      subjects: expect.arrayContaining([
        { subject: 'user', id: a },
        { subject: 'user', id: b },
      ]),
    })
    const { rowCount } = await people.pool.query('select from follows where follower_id = $1', [a])
    expect(rowCount).toBe(1)
  })

  it('waits for what else changes between the two', async () => {
    const [a, b] = [await people.addUser(), await people.addUser({ is_private: true })]
    await follow(a, b)
    let opened: ReturnType<typeof updateProfile> | null = null
    await inTransaction(people.pool, [pairLock(a, b)], async () => {
      opened = updateProfile(db, b, { is_private: false })
      await waits()
      const { rowCount } = await people.pool.query('select from users where id = $1 and is_private', [b])
      expect(rowCount).toBe(1)
    })
    expect(await opened).toMatchObject({
      subjects: expect.arrayContaining([
        { subject: 'user', id: a },
        { subject: 'user', id: b },
      ]),
    })
  })

  it('owes the rest where more ask than are accepted at once, and accepts none of them itself', async () => {
    const b = await people.addUser({ is_private: true })
    for (const _nth of [1, 2, 3]) await follow(await people.addUser(), b)
    expect(await updateProfile(db, b, { is_private: false }, 2)).toMatchObject({
      subjects: [],
      outbox: [
        { queue: 'engagement', message: { type: 'accept_requests', user_id: b } },
        { queue: 'search', message: { type: 'tweets_of_changed', user_id: b } },
      ],
    })
  })

  it('accepts nobody where it is refused', async () => {
    const [a, b] = [await people.addUser(), await people.addUser({ is_private: true })]
    await follow(a, b)
    await people.pool.query('update users set suspended_at = now() where id = $1', [b])
    expect(await updateProfile(db, b, { is_private: false })).toEqual({ outcome: 'suspended' })
    const { rowCount } = await people.pool.query('select from follow_requests where target_id = $1', [b])
    expect(rowCount).toBe(1)
  })

  it('is waited for by who asks meanwhile: they follow', async () => {
    const [a, b] = [await people.addUser(), await people.addUser({ is_private: true })]
    let asked: ReturnType<typeof follow> | null = null
    const opening = [
      { text: `select pg_advisory_xact_lock(hashtextextended('privacy:' || $1::bigint, 0))`, values: [b] },
      { text: 'update users set is_private = false where id = $1', values: [b] },
    ]
    await inTransaction(people.pool, opening, async () => {
      asked = follow(a, b)
      await waits()
    })
    expect(await asked).toMatchObject({ outcome: 'followed' })
  })

  it('accepts nobody any more once the account is private again', async () => {
    const [a, b] = [await people.addUser(), await people.addUser({ is_private: true })]
    await follow(a, b)
    expect(await acceptRequests(db, 1, b, [a])).toEqual({ left: false, subjects: [], outbox: [] })
    const { rowCount } = await people.pool.query('select from follow_requests where target_id = $1', [b])
    expect(rowCount).toBe(1)
  })
})

describe('a block, and who is on whose list', () => {
  const enlist = (owner: UserId, list: ListId, id: UserId) => insertListMember(db, owner, list, { id })
  const delist = (owner: UserId, list: ListId, id: UserId) => deleteListMember(db, owner, list, { id })

  /** The members of lists, and how many they say they have. */
  async function listed(...lists: ListId[]): Promise<{ member_count: number; members: UserId[] }[]> {
    const { rows } = await people.pool.query<{ member_count: number; members: UserId[] }>(
      `select member_count, (
         select coalesce(json_agg(user_id order by user_id), '[]') from list_members m where m.list_id = l.id) as members
       from lists l where id = any($1) order by id`,
      [lists],
    )
    return rows
  }

  it('takes each off the other’s lists, and nobody off anything else', async () => {
    const [a, b, other] = [await people.addUser(), await people.addUser(), await people.addUser()]
    const lists = [
      await addList(people.pool, a, { members: [b, other] }),
      await addList(people.pool, a, { members: [b] }),
      await addList(people.pool, b, { members: [a, other], isPrivate: true }),
      await addList(people.pool, other, { members: [a, b] }),
    ]
    for (let time = 0; time < 2; time++) await insertBlock(db, a, { id: b })
    expect(await listed(...lists)).toEqual([
      { member_count: 1, members: [other] },
      { member_count: 0, members: [] },
      { member_count: 1, members: [other] },
      { member_count: 2, members: [a, b] },
    ])
  })

  it('waits for what else happens to the list', async () => {
    const [owner, member] = [await people.addUser(), await people.addUser()]
    const list = await addList(people.pool, owner, { members: [member] })
    const removing = [
      { text: 'select from lists where id = $1 for no key update', values: [list] },
      { text: 'update lists set member_count = 0 where id = $1', values: [list] },
    ]
    const deadlocks = await deadlocksIn(people.pool)
    let blocked: Promise<unknown> = Promise.resolve()
    const client = await people.pool.connect()
    try {
      await client.query('begin')
      for (const { text, values } of removing) await client.query(text, values)
      blocked = insertBlock(db, member, { id: owner })
      await waits()
      // Had the block taken the member's row first, the two would wait for each other.
      await client.query('delete from list_members where list_id = $1 and user_id = $2', [list, member])
      await client.query('commit')
    } finally {
      await client.query('rollback')
      client.release()
    }
    expect(await blocked).toMatchObject({ outcome: 'done' })
    expect(await listed(list)).toEqual([{ member_count: 0, members: [] }])
    expect(await deadlocksIn(people.pool)).toBe(deadlocks)
  })

  it('leaves nobody on a list across it, whoever is being added and removed', async () => {
    const lists: ListId[] = []
    for (let round = 0; round < 10; round++) {
      const [a, b, other] = [await people.addUser(), await people.addUser(), await people.addUser()]
      const list = await addList(people.pool, a, { members: round % 2 === 0 ? [b] : [] })
      lists.push(list)
      await Promise.all([
        enlist(a, list, b),
        enlist(a, list, other),
        insertBlock(db, round % 3 === 0 ? a : b, { id: round % 3 === 0 ? b : a }),
        delist(a, list, other),
        enlist(a, list, b),
        delist(a, list, b),
      ])
      expect((await listed(list)).flatMap(({ members }) => members)).not.toContain(b)
    }
    for (const { member_count, members } of await listed(...lists)) expect(member_count).toBe(members.length)
  })
})
