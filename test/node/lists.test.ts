import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import {
  deleteListMember,
  insertListMember,
  type MemberAdded,
  readListMembers,
} from '../../src/db/statements/list-members.ts'
import {
  deleteList,
  insertList,
  type ListRow,
  readList,
  readLists,
  updateList,
} from '../../src/db/statements/lists.ts'
import type { ListId, UserId } from '../../src/domain/ids.ts'
import { until } from '../../tools/stack/until.ts'
import { type Community, communityIn, inTransaction, somebodyWaits } from './harness/community.ts'
import { roundTripsOf } from './harness/endpoint.ts'
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

const FIRST = { after: null, offset: 0, limit: 100 }
const NEW = { name: 'Birds', isPrivate: false }

async function made(owner: UserId, list = NEW): Promise<ListRow> {
  const result = await insertList(db, owner, list)
  if (result.outcome !== 'done') throw new Error(`No list was made: ${result.outcome}`)
  return result.list
}

const add = (viewer: UserId, list: number, id: UserId) => insertListMember(db, viewer, list as ListId, { id })
const remove = (viewer: UserId, list: number, id: UserId) =>
  deleteListMember(db, viewer, list as ListId, { id })
const change = (viewer: UserId, list: number, changes: { name?: string; isPrivate?: boolean }) =>
  updateList(db, viewer, list as ListId, { name: undefined, isPrivate: undefined, ...changes })
const read = (list: number, viewer: UserId | null) => readList(db, list as ListId, viewer)
const listsOf = async (owner: UserId, viewer: UserId | null) =>
  (await readLists(db, { id: owner }, viewer, FIRST))?.map(({ list }) => list.id)
const membersOf = async (list: number, viewer: UserId | null) =>
  (await readListMembers(db, list as ListId, viewer, FIRST))?.map(({ user }) => user.id)

/** The count that a list says, and that of its rows. */
async function countsOf(list: number): Promise<{ member_count: number; members: number } | undefined> {
  const { rows } = await database.pool.query<{ member_count: number; members: number }>(
    `select member_count, (select count(*)::int from list_members where list_id = lists.id) as members
     from lists where id = $1`,
    [list],
  )
  return rows[0]
}

/** How many wait for a lock. */
async function waiting(): Promise<number> {
  return (await database.pool.query('select from pg_locks where not granted')).rowCount ?? 0
}

const tally = (results: { outcome: string }[]) =>
  Object.fromEntries(
    [...Map.groupBy(results, ({ outcome }) => outcome)].map(([outcome, group]) => [outcome, group.length]),
  )

describe('a list', () => {
  it('is made, read, changed and deleted by its owner, each in one round trip', async () => {
    const owner = await people.addUser({ display_name: 'Ada' })
    const trips = (work: () => Promise<unknown>) => roundTripsOf(database, work)
    const list = await made(owner)
    expect(list).toEqual({
      id: expect.any(Number),
      name: 'Birds',
      is_private: false,
      member_count: 0,
      owner: {
        id: owner,
        username: expect.any(String),
        display_name: 'Ada',
        avatar_url: null,
        verified: false,
      },
      created_at: expect.closeTo(Date.now(), -5),
      updated_at: list.created_at,
    })
    expect(await trips(() => made(owner))).toBe(1)
    expect(await read(list.id, owner)).toEqual(list)
    expect(await trips(() => read(list.id, owner))).toBe(1)
    expect(await change(owner, list.id, { name: 'Owls', isPrivate: true })).toMatchObject({
      outcome: 'done',
      list: { id: list.id, name: 'Owls', is_private: true },
    })
    expect(await trips(() => change(owner, list.id, { name: 'Larks' }))).toBe(1)
    expect(await read(list.id, owner)).toMatchObject({ name: 'Larks', is_private: true })
    expect(await trips(() => deleteList(db, owner, list.id as ListId))).toBe(1)
    expect(await read(list.id, owner)).toBeNull()
    expect(await deleteList(db, owner, list.id as ListId)).toBe('list_not_found')
  })

  it('stays as it is where nothing is changed', async () => {
    const owner = await people.addUser()
    const list = await made(owner)
    for (const changes of [
      {},
      { name: 'Birds' },
      { isPrivate: false },
      { name: 'Birds', isPrivate: false },
    ]) {
      expect(await change(owner, list.id, changes)).toEqual({ outcome: 'done', list })
    }
  })

  it('takes two changes of different fields at once', async () => {
    const owner = await people.addUser()
    const list = await made(owner)
    await Promise.all([change(owner, list.id, { name: 'Owls' }), change(owner, list.id, { isPrivate: true })])
    expect(await read(list.id, owner)).toMatchObject({ name: 'Owls', is_private: true })
  })

  it('goes with its members', async () => {
    const [owner, member] = [await people.addUser(), await people.addUser()]
    const list = await addList(database.pool, owner, { members: [member] })
    await deleteList(db, owner, list)
    const { rowCount } = await database.pool.query('select from list_members where list_id = $1', [list])
    expect(rowCount).toBe(0)
  })
})

describe('who reads and changes a list', () => {
  it('is anybody and its owner where it is public, and its owner alone where it is private', async () => {
    const [owner, stranger, member] = await people.addUsers(3)
    if (!owner || !stranger || !member) throw new Error('Nobody was added')
    const open = await addList(database.pool, owner, { members: [member] })
    const secret = await addList(database.pool, owner, { members: [member], isPrivate: true })
    for (const viewer of [owner, stranger, member, null]) {
      expect(await read(open, viewer)).toMatchObject({ id: open })
      expect(await membersOf(open, viewer)).toEqual([member])
    }
    expect(await listsOf(owner, owner)).toEqual([secret, open])
    for (const viewer of [stranger, member, null]) {
      expect(await read(secret, viewer)).toBeNull()
      expect(await membersOf(secret, viewer)).toBeUndefined()
      expect(await listsOf(owner, viewer)).toEqual([open])
    }
    for (const [list, outcome] of [
      [open, 'forbidden'],
      [secret, 'list_not_found'],
    ] as const) {
      expect(await change(stranger, list, { name: 'Mine' })).toEqual({ outcome })
      expect(await add(member, list, member)).toEqual({ outcome })
      expect(await remove(member, list, member)).toEqual({ outcome })
      expect(await deleteList(db, stranger, list)).toBe(outcome)
      expect(await read(list, owner)).toMatchObject({ name: 'A list', member_count: 1 })
    }
  })

  it('is nobody across a block, whoever of the two made it', async () => {
    const [owner, blocked, blocking] = await people.addUsers(3)
    if (!owner || !blocked || !blocking) throw new Error('Nobody was added')
    await people.add('blocks', owner, blocked)
    await people.add('blocks', blocking, owner)
    const list = await addList(database.pool, owner)
    for (const viewer of [blocked, blocking]) {
      expect(await read(list, viewer)).toBeNull()
      expect(await listsOf(owner, viewer)).toEqual([])
      expect(await change(viewer, list, { name: 'Mine' })).toEqual({ outcome: 'list_not_found' })
    }
  })

  it.each([
    ['deactivated', { is_active: false }, 'unauthenticated'],
    ['suspended', { suspended_at: new Date() }, 'suspended'],
  ] as const)('is nobody once its owner is %s', async (_, columns, outcome) => {
    const [owner, member] = [await people.addUser(columns), await people.addUser()]
    const list = await addList(database.pool, owner, { members: [member] })
    for (const viewer of [owner, member, null]) {
      expect(await read(list, viewer)).toBeNull()
      expect(await membersOf(list, viewer)).toBeUndefined()
      expect(await listsOf(owner, viewer)).toBeUndefined()
    }
    expect(await insertList(db, owner, NEW)).toEqual({ outcome })
    expect(await change(owner, list, { name: 'Mine' })).toEqual({ outcome })
    expect(await add(owner, list, member)).toEqual({ outcome })
    expect(await remove(owner, list, member)).toEqual({ outcome })
    expect(await deleteList(db, owner, list)).toBe(outcome)
  })
})

describe('the lists of a user', () => {
  it('come page by page, the newest first', async () => {
    const owner = await people.addUser({ username: 'Many_Lists' })
    const ids: number[] = []
    for (let n = 0; n < 5; n++) ids.unshift((await made(owner)).id)
    const page = (after: number | null, offset = 0) =>
      readLists(db, { username: 'many_lists' }, null, { after, offset, limit: 2 })
    expect((await page(null))?.map(({ place }) => place)).toEqual(ids.slice(0, 2))
    expect((await page(ids[1] ?? 0))?.map(({ place }) => place)).toEqual(ids.slice(2, 4))
    expect((await page(null, 4))?.map(({ place }) => place)).toEqual(ids.slice(4))
    expect(await listsOf(4 as UserId, null)).toBeUndefined()
  })

  it('are a hundred at most, also when many are made at once', async () => {
    const owner = await people.addUser()
    await database.pool.query(
      "insert into lists (owner_id, name) select $1, 'Of many' from generate_series(1, 97)",
      [owner],
    )
    let many: Promise<{ outcome: string }[]> = Promise.resolve([])
    // What they insert waits for the owner, so that none is committed before all of them have looked.
    const hold = { text: 'select from users where id = $1 for update', values: [owner] }
    await inTransaction(database.pool, [hold], async () => {
      many = Promise.all(Array.from({ length: 6 }, () => insertList(db, owner, NEW)))
      expect(await until(async () => (await waiting()) >= 6, { withinMs: 10_000 })).toBe(true)
    })
    expect(tally(await many)).toEqual({ done: 3, too_many_lists: 3 })
    expect(await listsOf(owner, owner)).toHaveLength(100)
    expect(await made(await people.addUser())).toMatchObject({ member_count: 0 })
  })
})

describe('the members of a list', () => {
  it('are added and removed, again without effect, each in one round trip', async () => {
    const [owner, first, second] = await people.addUsers(3)
    if (!owner || !first || !second) throw new Error('Nobody was added')
    const { id: list } = await made(owner)
    expect(await add(owner, list, first)).toMatchObject({ outcome: 'done', list: { member_count: 1 } })
    expect(await add(owner, list, first)).toMatchObject({ outcome: 'done', list: { member_count: 1 } })
    expect(await roundTripsOf(database, () => add(owner, list, second))).toBe(1)
    expect(await add(owner, list, owner)).toMatchObject({ outcome: 'done', list: { member_count: 3 } })
    expect(await membersOf(list, null)).toEqual([owner, second, first])
    for (let time = 0; time < 2; time++) {
      expect(await remove(owner, list, second)).toMatchObject({ outcome: 'done', list: { member_count: 2 } })
    }
    expect(await roundTripsOf(database, () => remove(owner, list, first))).toBe(1)
    expect(await countsOf(list)).toEqual({ member_count: 1, members: 1 })
  })

  it('come page by page, the latest added first, ids where it was at one moment', async () => {
    const owner = await people.addUser()
    const members = (await people.addUsers(5)).sort((a, b) => b - a)
    const list = await addList(database.pool, owner, { members })
    const first = await readListMembers(db, list, owner, { ...FIRST, limit: 3 })
    const second = await readListMembers(db, list, owner, { ...FIRST, after: first?.at(-1)?.place ?? null })
    expect([...(first ?? []), ...(second ?? [])].map(({ user }) => user.id)).toEqual(members)
  })

  it('are shown without who is gone or across a block of the viewer, and with how the others stand', async () => {
    const [owner, viewer, friend, blocked, blocking] = await people.addUsers(5)
    if (!owner || !viewer || !friend || !blocked || !blocking) throw new Error('Nobody was added')
    const gone = [
      await people.addUser({ is_active: false }),
      await people.addUser({ suspended_at: new Date() }),
    ]
    await people.add('follows', viewer, friend)
    await people.add('blocks', viewer, blocked)
    await people.add('blocks', blocking, viewer)
    const list = await addList(database.pool, owner, { members: [friend, blocked, blocking, ...gone] })
    const rows = await readListMembers(db, list, viewer, FIRST)
    expect(rows).toMatchObject([{ user: { id: friend }, relationship: { is_following: true } }])
    expect(await membersOf(list, null)).toHaveLength(3)
    for (const one of gone) expect(await remove(owner, list, one)).toMatchObject({ outcome: 'done' })
    expect(await countsOf(list)).toEqual({ member_count: 3, members: 3 })
  })

  it.each<[string, (owner: UserId, person: UserId) => Promise<unknown>, MemberAdded['outcome']]>([
    ['blocks one', (owner, person) => people.add('blocks', person, owner), 'blocked'],
    ['is blocked', (owner, person) => people.add('blocks', owner, person), 'blocking'],
    [
      'is suspended',
      (_, person) => database.pool.query('update users set suspended_at = now() where id = $1', [person]),
      'user_not_found',
    ],
    [
      'was deactivated',
      (_, person) => database.pool.query('update users set is_active = false where id = $1', [person]),
      'user_not_found',
    ],
    [
      'has a private account',
      (_, person) => database.pool.query('update users set is_private = true where id = $1', [person]),
      'done',
    ],
  ])('are asked for by the owner, but who %s', async (_, happens, outcome) => {
    const [owner, person] = [await people.addUser(), await people.addUser()]
    const list = await addList(database.pool, owner)
    await happens(owner, person)
    expect(await add(owner, list, person)).toMatchObject({ outcome })
    const members = outcome === 'done' ? 1 : 0
    expect(await countsOf(list)).toEqual({ member_count: members, members })
  })

  it('are people there are', async () => {
    const owner = await people.addUser()
    const list = await addList(database.pool, owner)
    expect(await add(owner, list, 7 as UserId)).toEqual({ outcome: 'user_not_found' })
    expect(await remove(owner, list, 7 as UserId)).toEqual({ outcome: 'user_not_found' })
    expect(await add(owner, 1_000_000_000, owner)).toEqual({ outcome: 'list_not_found' })
  })

  it('are five hundred at most, and counted exactly, also when many are added at once', async () => {
    const owner = await people.addUser()
    const members = await people.addUsers(506)
    const list = await addList(database.pool, owner, { members: members.slice(0, 497) })
    const late = members.slice(500)
    let many: Promise<{ outcome: string }[]> = Promise.resolve([])
    // What they insert waits for its user, so that none is committed before all of them have looked.
    const hold = { text: 'select from users where id = any($1) for update', values: [late] }
    await inTransaction(database.pool, [hold], async () => {
      many = Promise.all(late.map((id) => add(owner, list, id)))
      expect(await until(async () => (await waiting()) >= late.length, { withinMs: 10_000 })).toBe(true)
    })
    expect(tally(await many)).toEqual({ done: 3, list_full: 3 })
    expect(await countsOf(list)).toEqual({ member_count: 500, members: 500 })
    expect(await add(owner, list, members[0] as UserId)).toMatchObject({ outcome: 'done' })
  })

  it('are counted exactly whatever is added and removed at once', async () => {
    const owner = await people.addUser()
    const members = await people.addUsers(4)
    const list = await addList(database.pool, owner)
    const acts = Array.from({ length: 40 }, (_, n) => (n % 3 === 0 ? remove : add))
    await Promise.all(acts.map((act, n) => act(owner, list, members[n % 4] as UserId)))
    const counts = await countsOf(list)
    expect(counts?.member_count).toBe(counts?.members)
  })

  it('are not who blocks one while they are added', async () => {
    const [owner, person] = [await people.addUser(), await people.addUser()]
    const list = await addList(database.pool, owner)
    let adding: Promise<MemberAdded> | undefined
    const pair = `${Math.min(owner, person)}:${Math.max(owner, person)}`
    const block = [
      { text: 'select pg_advisory_xact_lock(hashtextextended($1, 0))', values: [pair] },
      { text: 'insert into blocks (blocker_id, blocked_id) values ($1, $2)', values: [person, owner] },
    ]
    await inTransaction(database.pool, block, async () => {
      adding = add(owner, list, person)
      expect(await until(() => somebodyWaits(database.pool), { withinMs: 10_000 })).toBe(true)
    })
    expect(await adding).toEqual({ outcome: 'blocked' })
    expect(await countsOf(list)).toEqual({ member_count: 0, members: 0 })
  })
})
