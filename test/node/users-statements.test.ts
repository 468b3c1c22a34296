import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import {
  type ProfileChanges,
  type UpdatedProfile,
  updateProfile,
} from '../../src/db/statements/update-profile.ts'
import { readProfile } from '../../src/db/statements/users.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn, inTransaction, somebodyWaits } from './harness/community.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

const NO_RELATIONSHIP = {
  is_following: false,
  is_followed_by: false,
  follow_requested: false,
  is_blocking: false,
  is_muting: false,
}
const GONE: [string, Record<string, unknown>][] = [
  ['suspended', { suspended_at: new Date() }],
  ['deactivated', { is_active: false }],
]

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

async function stored(user: UserId): Promise<Record<string, unknown>> {
  const { rows } = await people.pool.query('select *, xmin::text as version from users where id = $1', [user])
  return rows[0]
}

describe('a profile', () => {
  it('is found by id, and by name in any case', async () => {
    const ada = await people.addUser({
      username: 'Ada_L',
      bio: 'numbers',
      created_at: '2026-01-02T03:04:05.678Z',
    })
    const expected = {
      shownAs: 'other',
      relationship: null,
      profile: {
        id: ada,
        username: 'Ada_L',
        bio: 'numbers',
        created_at_ms: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
      },
    }
    for (const ref of [{ id: ada }, { username: 'ada_l' }, { username: 'ADA_L' }]) {
      expect(await readProfile(db, ref, null)).toMatchObject(expected)
    }
  })

  it('is nobody’s where the name is a pattern, or another’s with an underscore', async () => {
    await people.addUser({ username: 'grace_hopper' })
    for (const username of ['grace%', 'graceXhopper', '', "' or true --"]) {
      expect(await readProfile(db, { username }, null)).toBeNull()
    }
    expect(await readProfile(db, { id: Number.MAX_SAFE_INTEGER as UserId }, null)).toBeNull()
  })

  it('shows its owner, and nobody else, what is private about it', async () => {
    const [owner, other] = [await people.addUser({ birth_date: '1990-02-03' }), await people.addUser()]
    const own = await readProfile(db, { id: owner }, owner)
    expect(own).toMatchObject({
      shownAs: 'own',
      profile: { id: owner, birth_date: '1990-02-03', role: 'user', hide_sensitive: true },
    })
    expect(own?.profile).toHaveProperty('email')
    for (const viewer of [other, null]) {
      const seen = JSON.stringify(await readProfile(db, { id: owner }, viewer))
      expect(seen).not.toMatch(/email|@example|birth_date|1990|role|hide_sensitive|password/)
    }
  })

  it.each(GONE)('of who is %s is not there, not even for its owner', async (_, columns) => {
    const [gone, viewer] = [await people.addUser(columns), await people.addUser()]
    for (const reader of [null, viewer, gone]) {
      expect(await readProfile(db, { id: gone }, reader)).toBeNull()
    }
  })

  it('tells what stands between it and its reader, each way for itself', async () => {
    const [user, viewer, stranger] = [await people.addUser(), await people.addUser(), await people.addUser()]
    await people.add('follows', viewer, user)
    await people.add('follow_requests', user, viewer)
    await people.add('mutes', viewer, user)
    const relationship = async (id: UserId, reader: UserId) => {
      const shown = await readProfile(db, { id }, reader)
      return shown !== null && shown.shownAs !== 'own' ? shown.relationship : undefined
    }
    expect(await relationship(user, viewer)).toEqual({
      ...NO_RELATIONSHIP,
      is_following: true,
      is_muting: true,
    })
    expect(await relationship(viewer, user)).toEqual({
      ...NO_RELATIONSHIP,
      is_followed_by: true,
      follow_requested: true,
    })
    expect(await relationship(user, stranger)).toEqual(NO_RELATIONSHIP)
  })

  it('tells of a mute until it has expired', async () => {
    const [user, viewer] = [await people.addUser(), await people.addUser()]
    await people.add('mutes', viewer, user, { expires_at: new Date(Date.now() + 3_600_000) })
    const muted = async () => (await readProfile(db, { id: user }, viewer)) ?? undefined
    expect(await muted()).toMatchObject({ relationship: { is_muting: true } })
    await people.pool.query(`update mutes set expires_at = now() - interval '1 second' where muter_id = $1`, [
      viewer,
    ])
    expect(await muted()).toMatchObject({ relationship: { is_muting: false } })
  })

  it('is a card alone for whom its owner blocks, and whole for who blocks its owner', async () => {
    const [blocker, blocked] = [await people.addUser({ bio: 'hidden' }), await people.addUser()]
    await people.add('blocks', blocker, blocked)
    expect(await readProfile(db, { id: blocker }, blocked)).toMatchObject({
      shownAs: 'card',
      relationship: NO_RELATIONSHIP,
    })
    expect(await readProfile(db, { id: blocked }, blocker)).toMatchObject({
      shownAs: 'other',
      relationship: { ...NO_RELATIONSHIP, is_blocking: true },
    })
  })

  it('of a private account is shown: its tweets and lists are what is private', async () => {
    const [hidden, viewer] = [await people.addUser({ is_private: true, bio: 'me' }), await people.addUser()]
    expect(await readProfile(db, { id: hidden }, viewer)).toMatchObject({
      profile: { is_private: true, bio: 'me' },
    })
  })
})

describe('changing a profile', () => {
  it('changes what is given, clears what is null, and answers the profile as it is now', async () => {
    const user = await people.addUser({ location: 'London', website: 'https://example.com/', bio: 'old' })
    const result = await updateProfile(db, user, { bio: 'new', location: null, birth_date: '2000-02-29' })
    expect(result).toMatchObject({
      outcome: 'updated',
      profile: {
        id: user,
        bio: 'new',
        location: null,
        website: 'https://example.com/',
        birth_date: '2000-02-29',
        email: expect.stringContaining('@'),
      },
    })
    const own = await readProfile(db, { id: user }, user)
    const outbox = [
      { id: expect.any(Number), queue: 'search', message: { type: 'user_changed', v: 1, user_id: user } },
    ]
    expect(result).toEqual({
      outcome: 'updated',
      profile: own?.profile,
      subjects: [],
      preferences: null,
      outbox,
    })
  })

  it.each<[number, ProfileChanges]>([
    [1, { display_name: 'Another Name' }],
    [1, { avatar_url: null }],
    [1, { is_private: true }],
    [1, { display_name: 'Another Name', avatar_url: null, is_private: true, bio: 'x' }],
    [1, { bio: 'x' }],
    [0, { location: 'y', website: 'https://z.example/', birth_date: '1999-01-01' }],
    [0, { hide_sensitive: false, cover_url: null }],
  ])('raises the revision by %i for %j', async (raised, changes) => {
    const urls = { avatar_url: '/media/a', cover_url: '/media/c' }
    const user = await people.addUser({ display_name: 'A Name', revision: 7, ...urls })
    expect(await updateProfile(db, user, changes)).toMatchObject({ outcome: 'updated', profile: changes })
    expect(await stored(user)).toMatchObject({ revision: 7 + raised })
  })

  it('writes nothing where nothing is different, and answers the same', async () => {
    const user = await people.addUser({
      bio: 'same',
      location: null,
      avatar_url: '/media/a',
      birth_date: '1990-02-03',
    })
    const before = await stored(user)
    for (const changes of [
      {},
      { bio: 'same', location: null, avatar_url: '/media/a', birth_date: '1990-02-03', is_private: false },
      { bio: undefined },
    ]) {
      const own = await readProfile(db, { id: user }, user)
      const same = { outcome: 'updated', profile: own?.profile, subjects: [], preferences: null, outbox: [] }
      expect(await updateProfile(db, user, changes)).toEqual(same)
    }
    expect(await stored(user)).toEqual(before)
  })

  it('takes no media but those the profile has, and then changes nothing at all', async () => {
    const user = await people.addUser({ avatar_url: '/media/a' })
    const before = await stored(user)
    const changes = { avatar_url: '/media/b', cover_url: 'https://elsewhere.example/c', bio: 'x' }
    expect(await updateProfile(db, user, changes)).toEqual({
      outcome: 'foreign_media',
      fields: ['avatar_url', 'cover_url'],
    })
    expect(await updateProfile(db, user, { cover_url: '' })).toMatchObject({ fields: ['cover_url'] })
    expect(await stored(user)).toEqual(before)
    expect(await updateProfile(db, user, { avatar_url: '/media/a', bio: 'x' })).toMatchObject({
      outcome: 'updated',
    })
  })

  it.each([
    ['suspended', { suspended_at: new Date() }, 'suspended'],
    ['deactivated', { is_active: false }, 'unauthenticated'],
    ['both', { is_active: false, suspended_at: new Date() }, 'unauthenticated'],
  ])('refuses who is %s', async (_, columns, outcome) => {
    const user = await people.addUser(columns)
    const before = await stored(user)
    expect(await updateProfile(db, user, { bio: 'x' })).toEqual({ outcome })
    expect(await stored(user)).toEqual(before)
  })

  it('refuses who is not there', async () => {
    const nobody = Number.MAX_SAFE_INTEGER as UserId
    expect(await updateProfile(db, nobody, { bio: 'x' })).toEqual({ outcome: 'unauthenticated' })
  })

  it('touches nobody else', async () => {
    const [user, other] = [await people.addUser(), await people.addUser()]
    const before = await stored(other)
    await updateProfile(db, user, { display_name: 'Other', bio: 'x', is_private: true })
    expect(await stored(other)).toEqual(before)
  })

  it('loses none of the changes that are made at once, and counts each that shows on cards or in search', async () => {
    const wanted = {
      display_name: 'New Name',
      bio: 'new bio',
      location: 'there',
      website: 'https://new.example/',
      birth_date: '1990-02-03',
      avatar_url: null,
      is_private: true,
      hide_sensitive: false,
    }
    for (let round = 0; round < 15; round++) {
      const user = await people.addUser({ avatar_url: '/media/a' })
      const single = Object.entries(wanted).map(([field, value]) => ({ [field]: value }))
      await Promise.all([...single, ...single].map((changes) => updateProfile(db, user, changes)))
      expect(await readProfile(db, { id: user }, user)).toMatchObject({ profile: wanted })
      expect(await stored(user)).toMatchObject({ revision: 5 })
    }
  })

  it('answers what another change, which it waited for, has left', async () => {
    const user = await people.addUser({ bio: 'old' })
    const first = {
      text: `update users set bio = 'first', location = 'there' where id = $1`,
      values: [user],
    }
    let second: Promise<UpdatedProfile> | null = null
    await inTransaction(people.pool, [first], async () => {
      second = updateProfile(db, user, { bio: 'first' })
      await expect.poll(() => somebodyWaits(people.pool)).toBe(true)
    })
    expect(await second).toMatchObject({
      outcome: 'updated',
      profile: { bio: 'first', location: 'there' },
    })
  })
})
