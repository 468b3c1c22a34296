import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pushPayload } from '../../src/contracts/push.ts'
import { updatePassword } from '../../src/db/statements/accounts.ts'
import { rotateSession } from '../../src/db/statements/sessions.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { deliverPushes } from '../../src/queues/push-deliveries.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { endSession } from '../../src/services/end-session.ts'
import { logout } from '../../src/services/logout.ts'
import { inTransaction } from './harness/community.ts'
import { type PushScene, startPushScene } from './harness/push-scene.ts'
import type { TestBrowser } from './harness/push-service.ts'
import { addTweet } from './harness/tweets.ts'

let scene: PushScene

beforeAll(async () => {
  scene = await startPushScene()
})

afterAll(() => scene.stop())

const run = (text: string, ...values: unknown[]) => scene.database.pool.query(text, values)

interface Told {
  viewer: Viewer
  actor: UserId
  browser: TestBrowser
  /** Of the notification, or of the message. */
  id: number
  tweet: TweetId
  /** Has the consumer deliver what is owed; answers the texts that the browser was then shown. */
  delivered(): Promise<string[]>
}

/** A follow is of no tweet. */
type Kind = 'mention' | 'follow' | 'message'

async function toldOf(of: Kind, actorColumns: Record<string, unknown> = {}): Promise<Told> {
  const viewer = await scene.addViewer()
  const actor = await scene.people.addUser({ username: `actor_${viewer.id}`, ...actorColumns })
  const browser = await scene.addBrowser(viewer)
  const tweet = await addTweet(scene.database.pool, actor, { content: 'A secret' })
  const id =
    of === 'message'
      ? await scene.addMessage(viewer.id, actor, { content: 'A secret' })
      : await scene.addNotification(viewer.id, { type: of, actor, ...(of === 'mention' ? { tweet } : {}) })
  const owed = await scene.owe(viewer.id, of === 'message' ? 'message' : 'notification', id)
  return {
    ...{ viewer, actor, browser, id, tweet },
    async delivered() {
      expect(await deliverPushes(scene.deps, [owed])).toEqual(new Set())
      return browser.received().map(({ payload }) => pushPayload.parse(payload).body)
    },
  }
}

type Change = [what: string, change: (told: Told) => Promise<unknown>]

/** What may have happened between an act and its push, after which nobody is to hear of either. */
const OF_BOTH: Change[] = [
  ['has been blocked', ({ viewer, actor }) => scene.people.add('blocks', viewer.id, actor)],
  ['has blocked', ({ viewer, actor }) => scene.people.add('blocks', actor, viewer.id)],
  ['is suspended', ({ actor }) => run('update users set suspended_at = now() where id = $1', actor)],
  ['is gone', ({ actor }) => run('update users set is_active = false where id = $1', actor)],
]

const OF_NOTIFICATIONS: Change[] = [
  ['was read', ({ id }) => run('update notifications set is_read = true where id = $1', id)],
  [
    'was read with all others',
    ({ viewer, id }) =>
      run('update notification_inboxes set read_up_to_id = $2 where user_id = $1', viewer.id, id),
  ],
  ['was withdrawn', ({ id }) => run('update notifications set withdrawn_at = now() where id = $1', id)],
  [
    'is another’s',
    async ({ id }) =>
      run('update notifications set user_id = $2 where id = $1', id, await scene.people.addUser()),
  ],
  ['is gone', ({ id }) => run('delete from notifications where id = $1', id)],
  ['is of somebody muted', ({ viewer, actor }) => scene.people.add('mutes', viewer.id, actor)],
]

const OF_MESSAGES: Change[] = [
  ['was read', ({ id }) => run('update direct_messages set is_read = true where id = $1', id)],
  ['was hidden', ({ id }) => run('update direct_messages set hidden_by_receiver = true where id = $1', id)],
  ['is gone', ({ id }) => run('delete from direct_messages where id = $1', id)],
  [
    'is another’s',
    async ({ id, actor }) => {
      const other = await scene.people.addUser()
      await scene.addMessage(other, actor)
      await run('update direct_messages set receiver_id = $2 where id = $1', id, other)
    },
  ],
  [
    'waits among the requests',
    ({ viewer }) => run('update conversations set is_accepted = false where user_id = $1', viewer.id),
  ],
]

describe.each<Kind>(['mention', 'follow', 'message'])('a %s', (of) => {
  it('is pushed', async () => {
    const told = await toldOf(of)
    expect(await told.delivered()).toEqual([of === 'follow' ? `@actor_${told.viewer.id}` : 'A secret'])
  })

  it.each(OF_BOTH)('is not pushed where one of the two %s', async (_, change) => {
    const told = await toldOf(of)
    await change(told)
    expect(await told.delivered()).toEqual([])
    expect(told.browser.calls()).toBe(0)
  })

  it.each(of === 'message' ? OF_MESSAGES : OF_NOTIFICATIONS)(
    'is not pushed when it %s',
    async (_, change) => {
      const told = await toldOf(of)
      await change(told)
      expect(await told.delivered()).toEqual([])
      expect(told.browser.calls()).toBe(0)
    },
  )

  it.each(['suspended_at = now()', 'is_active = false'])('is not pushed to who has %s', async (state) => {
    const told = await toldOf(of)
    await run(`update users set ${state} where id = $1`, told.viewer.id)
    expect(await told.delivered()).toEqual([])
  })
})

it('a deleted tweet is not pushed', async () => {
  const { tweet, browser, delivered } = await toldOf('mention')
  await run('update tweets set is_deleted = true where id = $1', tweet)
  expect(await delivered()).toEqual([])
  expect(browser.calls()).toBe(0)
})

describe('a private tweet', () => {
  it('is pushed to followers alone', async () => {
    const told = await toldOf('mention', { is_private: true })
    expect(await told.delivered()).toEqual([])
    expect(told.browser.calls()).toBe(0)
    await scene.people.add('follows', told.viewer.id, told.actor)
    expect(await told.delivered()).toEqual(['A secret'])
    await run('delete from follows where follower_id = $1', told.viewer.id)
    expect(await told.delivered()).toEqual(['A secret'])
    expect(told.browser.calls()).toBe(1)
  })
})

describe('a session that is over', () => {
  const subscriptionsIn = async ({ sessionId }: Viewer) =>
    (await run('select from push_subscriptions where session_id = $1', sessionId)).rowCount

  const ENDS: [how: string, end: (viewer: Viewer, elsewhere: Viewer) => Promise<unknown>][] = [
    ['by a logout', (viewer) => logout(scene.deps, { viewer, refreshToken: null, everywhere: false })],
    [
      'by a logout everywhere',
      (_, viewer) => logout(scene.deps, { viewer, refreshToken: null, everywhere: true }),
    ],
    ['because it was revoked', ({ sessionId }, elsewhere) => endSession(scene.deps, elsewhere, sessionId)],
    [
      'by a change of the password',
      (_, { id: userId, sessionId }) =>
        updatePassword(scene.deps.db, { userId, sessionId, from: '', to: 'new' }),
    ],
    [
      'by a stolen refresh token',
      ({ id: userId, sessionId }) =>
        rotateSession(scene.deps.db, { userId, sessionId, tokenHash: 'stolen', successorHash: 'next' }),
    ],
  ]

  it.each(ENDS)('is sent nothing, and its subscriptions go with it: %s', async (_, end) => {
    const { viewer, browser, delivered } = await toldOf('mention')
    const elsewhere = await scene.signIn(viewer)
    const other = await scene.addBrowser(elsewhere)
    await end(viewer, elsewhere)
    await delivered()
    expect([browser.calls(), await subscriptionsIn(viewer)]).toEqual([0, 0])
    const isElsewhereOver = (
      await run('select from sessions where id = $1 and revoked_at is not null', elsewhere.sessionId)
    ).rowCount
    expect(other.calls()).toBe(isElsewhereOver === 1 ? 0 : 1)
  })

  it('is sent nothing once it has expired', async () => {
    const { viewer, browser, delivered } = await toldOf('mention')
    await run(`update sessions set expires_at = now() - interval '1 second' where id = $1`, viewer.sessionId)
    await delivered()
    expect(browser.calls()).toBe(0)
  })

  it('is sent nothing where its browser subscribed while it ended', async () => {
    const { viewer, browser, delivered } = await toldOf('mention')
    const { rows } = await run('delete from push_subscriptions where user_id = $1 returning *', viewer.id)
    const [{ endpoint, p256dh, auth }] = rows
    const subscription = {
      text: 'insert into push_subscriptions (user_id, session_id, endpoint, p256dh, auth) values ($1, $2, $3, $4, $5)',
      values: [viewer.id, viewer.sessionId, endpoint, p256dh, auth],
    }
    await inTransaction(scene.database.pool, [subscription], () =>
      logout(scene.deps, { viewer, refreshToken: null, everywhere: false }),
    )
    expect(await subscriptionsIn(viewer)).toBe(1)
    await delivered()
    expect(browser.calls()).toBe(0)
  })
})
