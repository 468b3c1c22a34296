import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/db/client.ts'
import { updateAllowedFrom } from '../../src/db/statements/message-settings.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { AUDIENCES, type Audience } from '../../src/domain/notifications.ts'
import { type Community, communityIn } from './harness/community.ts'
import { type Messaging, messagingIn } from './harness/messages.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

/** docs/messages.md, "Who may write to whom", cell by cell. */

const MISSING = Number.MAX_SAFE_INTEGER as UserId

let database: TestDatabase
let people: Community
let messaging: Messaging
let allow: (user: UserId, from: Audience) => Promise<unknown>

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  const db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
  messaging = messagingIn(db, database.pool)
  allow = (user, from) => updateAllowedFrom(db, user, from)
})

afterAll(() => database.stop())

/** What has been between the two before `sender` writes, and whether the receiver has accepted it. */
const BEFORE: Record<
  string,
  { accepted: boolean; prepare(sender: UserId, receiver: UserId): Promise<unknown> }
> = {
  nothing: { accepted: false, prepare: async () => {} },
  'a request': { accepted: false, prepare: (sender, receiver) => messaging.sent(sender, receiver) },
  'a request that was declined': {
    accepted: false,
    async prepare(sender, receiver) {
      await messaging.sent(sender, receiver)
      expect(await messaging.decline(receiver, sender)).toBe('declined')
    },
  },
  'a request whose messages the receiver deleted': {
    accepted: false,
    async prepare(sender, receiver) {
      const id = await messaging.sent(sender, receiver)
      expect(await messaging.hide(receiver, sender, id)).toBe('hidden')
    },
  },
  'a request that was accepted': {
    accepted: true,
    async prepare(sender, receiver) {
      await messaging.sent(sender, receiver)
      expect(await messaging.accept(receiver, sender)).toBe('accepted')
    },
  },
  'a request that was answered': {
    accepted: true,
    async prepare(sender, receiver) {
      await messaging.sent(sender, receiver)
      await messaging.sent(receiver, sender)
    },
  },
  'a request of the receiver’s own': {
    accepted: true,
    prepare: (sender, receiver) => messaging.sent(receiver, sender),
  },
  'a conversation that the receiver deleted': {
    accepted: true,
    async prepare(sender, receiver) {
      const id = await messaging.sent(receiver, sender)
      expect(await messaging.hide(receiver, sender, id)).toBe('hidden')
    },
  },
}

const cells = Object.entries(BEFORE).flatMap(([before, { accepted, prepare }]) =>
  AUDIENCES.flatMap((allowFrom) =>
    [true, false].map((follows) => {
      const mayBegin = allowFrom === 'everyone' || (allowFrom === 'following' && follows)
      const becomes = accepted || (mayBegin && follows) ? 'accepted' : mayBegin ? 'a request' : 'forbidden'
      return { before, allowFrom, follows, becomes, prepare }
    }),
  ),
)

describe('a message after', () => {
  it.each(cells)(
    '$before, to one who allows $allowFrom and follows the sender ($follows): $becomes',
    async ({ allowFrom, follows, becomes, prepare }) => {
      const [sender, receiver] = [await people.addUser(), await people.addUser()]
      await prepare(sender, receiver)
      await allow(receiver, allowFrom)
      if (follows) await people.add('follows', receiver, sender)
      const before = await messaging.conversation(receiver, sender)
      const { outcome } = await messaging.send(sender, receiver)
      const after = await messaging.conversation(receiver, sender)
      if (becomes === 'forbidden') {
        expect(outcome).toBe('not_allowed')
        expect(after).toEqual(before)
      } else {
        expect(outcome).toBe('sent')
        expect(after?.is_accepted).toBe(becomes === 'accepted')
        expect((await messaging.conversation(sender, receiver))?.is_accepted).toBe(true)
      }
    },
  )
})

it('the sender’s following or setting decides nothing, and writing to somebody accepts what they began', async () => {
  const [a, b] = [await people.addUser(), await people.addUser()]
  await people.add('follows', a, b)
  await allow(a, 'nobody')
  await messaging.sent(a, b)
  expect(await messaging.conversation(b, a)).toMatchObject({ is_accepted: false, unread_count: 1 })
  await messaging.sent(b, a)
  expect(await messaging.conversation(b, a)).toMatchObject({ is_accepted: true, unread_count: 1 })
  expect(await messaging.conversation(a, b)).toMatchObject({ is_accepted: true, unread_count: 1 })
})

describe('nobody writes', () => {
  const SUSPENDED = { suspended_at: new Date() }
  const DEACTIVATED = { is_active: false }

  it.each([
    ['while suspended', SUSPENDED, {}, 'suspended'],
    ['while deactivated', DEACTIVATED, {}, 'unauthenticated'],
    ['to the suspended', {}, SUSPENDED, 'user_not_found'],
    ['to the deactivated', {}, DEACTIVATED, 'user_not_found'],
  ])('%s', async (_, sender, receiver, outcome) => {
    const [a, b] = [await people.addUser(sender), await people.addUser(receiver)]
    expect(await messaging.send(a, b)).toEqual({ outcome })
    expect(await messaging.conversation(a, b)).toBeNull()
  })

  it('to themself, to nobody, or without being anybody', async () => {
    const a = await people.addUser()
    expect(await messaging.send(a, a)).toEqual({ outcome: 'cannot_message_self' })
    expect(await messaging.send(a, MISSING)).toEqual({ outcome: 'user_not_found' })
    expect(await messaging.send(MISSING, a)).toEqual({ outcome: 'unauthenticated' })
  })

  it.each([
    ['blocked', 'begins', 'whom the receiver follows'],
    ['blocked', 'goes on', 'whom the receiver has accepted'],
    ['blocking', 'begins', 'whom the receiver follows'],
    ['blocking', 'goes on', 'whom the receiver has accepted'],
  ])('across a block: %s, what %s, by one %s', async (outcome, what) => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    if (what === 'begins') await people.add('follows', b, a)
    else await messaging.sent(b, a)
    await (outcome === 'blocked' ? people.add('blocks', b, a) : people.add('blocks', a, b))
    const before = await messaging.conversation(a, b)
    expect(await messaging.send(a, b)).toEqual({ outcome })
    expect(await messaging.conversation(a, b)).toEqual(before)
  })
})
