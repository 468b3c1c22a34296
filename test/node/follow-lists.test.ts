import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { type ListedUserRow, readFollowList } from '../../src/db/statements/follow-lists.ts'
import type { Place } from '../../src/db/statements/places.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn } from './harness/community.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

type Direction = 'followers' | 'following'

const DIRECTIONS: Direction[] = ['followers', 'following']
const MOMENT = '2026-03-04T05:06:07.123456Z'

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
const idsOf = (rows: ListedUserRow[] | null) => rows?.map(({ user }) => user.id)
const list = (direction: Direction, owner: UserId, viewer: UserId | null = null, page: object = {}) =>
  readFollowList(db, { id: owner }, viewer, { ...FIRST, direction, ...page })

/** `other` is on the owner's list. */
function enlist(direction: Direction, owner: UserId, other: UserId, created_at = MOMENT): Promise<void> {
  const [from, to] = direction === 'followers' ? [other, owner] : [owner, other]
  return people.add('follows', from, to, { created_at })
}

describe.each(DIRECTIONS)('the list of %s', (direction) => {
  it('has the newest first, each with a card and what stands between it and its reader', async () => {
    const [owner, viewer] = [await people.addUser({ username: `Owner_${direction}` }), await people.addUser()]
    const [first, second] = [
      await people.addUser({ display_name: 'First', verified: true }),
      await people.addUser(),
    ]
    await enlist(direction, owner, first, '2026-01-01T00:00:00Z')
    await enlist(direction, owner, second, '2026-01-01T00:00:00.000001Z')
    await people.add('follows', viewer, first)
    await people.add('mutes', viewer, first)
    const rows = await readFollowList(db, { username: `owner_${direction}` }, viewer, { ...FIRST, direction })
    expect(idsOf(rows)).toEqual([second, first])
    expect(rows?.[1]).toEqual({
      user: {
        id: first,
        username: expect.any(String),
        display_name: 'First',
        avatar_url: null,
        verified: true,
      },
      relationship: {
        is_following: true,
        is_followed_by: false,
        follow_requested: false,
        is_blocking: false,
        is_muting: true,
      },
      place: { atUs: '1767225600000000', id: first },
    })
  })

  it('is empty for who has none, and nobody’s where there is no such user', async () => {
    const owner = await people.addUser()
    expect(await list(direction, owner)).toEqual([])
    expect(await list(direction, Number.MAX_SAFE_INTEGER as UserId)).toBeNull()
    for (const columns of [{ suspended_at: new Date() }, { is_active: false }]) {
      expect(await list(direction, await people.addUser(columns))).toBeNull()
    }
  })

  it('leaves out who is suspended, deactivated, or across a block from the reader', async () => {
    const [owner, viewer, plain] = [await people.addUser(), await people.addUser(), await people.addUser()]
    const [blocker, blocked] = [await people.addUser(), await people.addUser()]
    await people.add('blocks', blocker, viewer)
    await people.add('blocks', viewer, blocked)
    const suspended = await people.addUser({ suspended_at: new Date() })
    const deactivated = await people.addUser({ is_active: false })
    for (const other of [plain, blocker, blocked, suspended, deactivated, viewer]) {
      await enlist(direction, owner, other)
    }
    expect(idsOf(await list(direction, owner, viewer))?.sort()).toEqual([viewer, plain].sort())
    expect(idsOf(await list(direction, owner))?.sort()).toEqual([viewer, plain, blocker, blocked].sort())
  })

  it('shows those whom the reader has muted: they were asked for', async () => {
    const [owner, viewer, muted] = [await people.addUser(), await people.addUser(), await people.addUser()]
    await enlist(direction, owner, muted)
    await people.add('mutes', viewer, muted)
    await people.add('mutes', viewer, owner)
    expect(idsOf(await list(direction, owner, viewer))).toEqual([muted])
  })

  it('of a private account is for its followers and itself', async () => {
    const [owner, listed, follower, stranger] = [
      await people.addUser({ is_private: true }),
      await people.addUser(),
      await people.addUser(),
      await people.addUser(),
    ]
    await enlist(direction, owner, listed)
    await people.add('follows', follower, owner, { created_at: '2025-01-01T00:00:00Z' })
    await people.add('follow_requests', stranger, owner)
    await people.add('follows', owner, stranger, { created_at: '2025-01-01T00:00:00Z' })
    for (const reader of [owner, follower])
      expect(idsOf(await list(direction, owner, reader))).toContain(listed)
    for (const reader of [stranger, null]) expect(await list(direction, owner, reader)).toEqual([])
  })

  it('is empty across a block, whoever blocks', async () => {
    const [owner, listed, blocked, blocker] = await people.addUsers(4)
    if (!owner || !listed || !blocked || !blocker) throw new Error('Four users were asked for')
    await enlist(direction, owner, listed)
    await people.add('blocks', owner, blocked)
    await people.add('blocks', blocker, owner)
    for (const reader of [blocked, blocker]) expect(await list(direction, owner, reader)).toEqual([])
  })

  it('read page by page has no repeat and no gap, when many came at one moment and more come meanwhile', async () => {
    const owner = await people.addUser()
    const moments = ['05.999999', '06', '07.123455', '07.123456', '07.123457'].map(
      (s) => `2026-03-04T05:06:${s}Z`,
    )
    for (const moment of moments) {
      for (const other of await people.addUsers(moment === MOMENT ? 60 : 7)) {
        await enlist(direction, owner, other, moment)
      }
    }
    const whole = idsOf(await list(direction, owner)) ?? []
    expect(whole).toHaveLength(88)
    const seen: number[] = []
    let after: Place | null = null
    do {
      const page: ListedUserRow[] = (await list(direction, owner, null, { after, limit: 9 })) ?? []
      seen.push(...page.map(({ user }) => user.id))
      after = page.at(-1)?.place ?? null
      await enlist(direction, owner, await people.addUser(), '2026-03-05T00:00:00Z')
    } while (after !== null)
    expect(seen).toEqual(whole)
  })

  it('skips by offset what pages by cursor have read', async () => {
    const owner = await people.addUser()
    for (const other of await people.addUsers(10)) await enlist(direction, owner, other)
    const whole = idsOf(await list(direction, owner))
    expect(idsOf(await list(direction, owner, null, { offset: 4, limit: 3 }))).toEqual(whole?.slice(4, 7))
    expect(await list(direction, owner, null, { offset: 10, limit: 3 })).toEqual([])
  })
})
