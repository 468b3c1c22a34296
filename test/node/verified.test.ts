import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { readFresh } from '../../src/db/statements/freshen.ts'
import { updateVerified } from '../../src/db/statements/verified.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { verifyUser } from '../../src/services/verify-user.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn, viewerOf } from './harness/deps.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const isVerified = async (user: UserId) =>
  (await database.pool.query('select verified from users where id = $1', [user])).rows[0]?.verified
const verify = (actor: UserId, id: UserId, verified = true) => updateVerified(db, actor, { id }, verified)

describe('somebody', () => {
  it.each(['moderator', 'admin'])('is verified, or no longer, by a %s, in one round trip', async (role) => {
    const [actor, user] = [await people.addUser({ role }), await people.addUser()]
    expect(await verify(actor, user)).toMatchObject({ outcome: 'done', user: { id: user, verified: true } })
    expect(await isVerified(user)).toBe(true)
    expect(await roundTripsOf(database, () => verify(actor, user, false))).toBe(1)
    expect(await isVerified(user)).toBe(false)
    expect(await verify(actor, actor)).toMatchObject({ outcome: 'done', user: { verified: true } })
  })

  it('has cards that are outdated by it, once, and search that is told, and a timeline that is not', async () => {
    const [actor, user] = [await people.addUser({ role: 'moderator' }), await people.addUser()]
    const id = await addTweet(database.pool, user)
    const revision = async () =>
      (await readFresh(db, [{ id, revision: null, wants_card: false }], [], actor)).tweets[0]?.revision
    const before = await revision()
    const { deps, told } = depsOn(db)
    const card = await verifyUser(deps, viewerOf(actor, 'moderator'), { id: user }, true)
    expect(card).toMatchObject({ id: user, verified: true })
    const after = await revision()
    expect(after).not.toBe(before)
    expect(await verify(actor, user)).toMatchObject({ outcome: 'done' })
    expect(await revision()).toBe(after)
    expect([told.timelines.size, told.sent.length]).toEqual([0, 1])
  })

  it('is verified by nobody else, whatever their token says', async () => {
    const user = await people.addUser()
    const { deps } = depsOn(db)
    const plain = await people.addUser()
    const dismissed = viewerOf(plain, 'admin')
    await expect(verifyUser(deps, dismissed, { id: user }, true)).rejects.toMatchObject({ code: 'forbidden' })
    const granted = viewerOf(await people.addUser({ role: 'admin' }), 'user')
    await expect(verifyUser(deps, granted, { id: user }, true)).rejects.toMatchObject({ code: 'forbidden' })
    const suspended = await people.addUser({ role: 'admin', suspended_at: new Date() })
    expect(await verify(suspended, user)).toEqual({ outcome: 'suspended' })
    const gone = await people.addUser({ role: 'admin', is_active: false })
    expect(await verify(gone, user)).toEqual({ outcome: 'unauthenticated' })
    expect(await isVerified(user)).toBe(false)
  })

  it('is there', async () => {
    const actor = await people.addUser({ role: 'moderator' })
    const suspended = await people.addUser({ suspended_at: new Date() })
    const deactivated = await people.addUser({ is_active: false })
    for (const user of [7 as UserId, suspended, deactivated]) {
      expect(await verify(actor, user)).toEqual({ outcome: 'user_not_found' })
    }
    // Who asks without the right does not learn who is there.
    expect(await verify(await people.addUser(), 7 as UserId)).toEqual({ outcome: 'forbidden' })
  })
})
