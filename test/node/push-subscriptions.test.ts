import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AppError } from '../../src/domain/errors.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { endSession } from '../../src/services/end-session.ts'
import { listPushSubscriptions } from '../../src/services/list-push-subscriptions.ts'
import { subscribeToPush } from '../../src/services/subscribe-to-push.ts'
import { unsubscribeFromPush } from '../../src/services/unsubscribe-from-push.ts'
import { until } from '../../tools/stack/until.ts'
import { inTransaction } from './harness/community.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { type PushScene, startPushScene } from './harness/push-scene.ts'

let scene: PushScene

beforeAll(async () => {
  scene = await startPushScene()
})

afterAll(() => scene.stop())

/** What a browser that has not subscribed yet would give. */
function newSubscription() {
  const { endpoint, keys } = scene.service.addBrowser().subscription
  return { endpoint, ...keys }
}

const subscribe = (viewer: Viewer, subscription = newSubscription()) =>
  subscribeToPush(scene.deps, viewer, subscription)

async function codeOf(work: Promise<unknown>): Promise<string> {
  const failure = await work.then(
    () => null,
    (error: unknown) => error,
  )
  return failure instanceof AppError ? failure.code : `not refused: ${failure}`
}

const endpointsOf = async (viewer: Viewer) =>
  (await listPushSubscriptions(scene.deps, viewer)).subscriptions.map(({ endpoint }) => endpoint)

/** How many wait for a lock. */
async function waiting(): Promise<number> {
  return (await scene.database.pool.query('select from pg_locks where not granted')).rowCount ?? 0
}

describe('a subscription', () => {
  it('is made and listed, the newest first, each in one round trip', async () => {
    const viewer = await scene.addViewer()
    const [first, second] = [newSubscription(), newSubscription()]
    expect(await roundTripsOf(scene.database, () => subscribe(viewer, first))).toBe(1)
    const { isNew, subscription } = await subscribe(viewer, second)
    expect(isNew).toBe(true)
    expect(subscription).toEqual({
      id: expect.any(Number),
      endpoint: second.endpoint,
      created_at_ms: expect.closeTo(Date.now(), -5),
    })
    expect(await endpointsOf(viewer)).toEqual([second.endpoint, first.endpoint])
    expect(await roundTripsOf(scene.database, () => endpointsOf(viewer))).toBe(1)
  })

  it('made again is the same, with the keys and the session that hold now', async () => {
    const viewer = await scene.addViewer()
    const elsewhere = await scene.signIn(viewer)
    const before = newSubscription()
    const made = await subscribe(viewer, before)
    const now = { ...newSubscription(), endpoint: `${before.endpoint}#again` }
    const again = await subscribe(elsewhere, now)
    expect(again).toEqual({ isNew: false, subscription: made.subscription })
    const { rows } = await scene.database.pool.query(
      'select p256dh, auth, session_id from push_subscriptions where id = $1',
      [made.subscription.id],
    )
    expect(rows).toEqual([{ p256dh: now.p256dh, auth: now.auth, session_id: elsewhere.sessionId }])
    await endSession(scene.deps, elsewhere, viewer.sessionId)
    expect(await endpointsOf(elsewhere)).toEqual([before.endpoint])
  })

  it('goes to who signs in after somebody else, and is theirs no longer', async () => {
    const [before, after] = [await scene.addViewer(), await scene.addViewer()]
    const browser = newSubscription()
    const { subscription } = await subscribe(before, browser)
    const moved = await subscribe(after, browser)
    expect(moved.isNew).toBe(true)
    expect([await endpointsOf(before), await endpointsOf(after)]).toEqual([[], [browser.endpoint]])
    expect(await codeOf(unsubscribeFromPush(scene.deps, before, subscription.id))).toBe(
      'push_subscription_not_found',
    )
  })

  it('is ended by its owner alone, once', async () => {
    const [viewer, other] = [await scene.addViewer(), await scene.addViewer()]
    const { id } = (await subscribe(viewer)).subscription
    expect(await codeOf(unsubscribeFromPush(scene.deps, other, id))).toBe('push_subscription_not_found')
    expect(await endpointsOf(viewer)).toHaveLength(1)
    expect(await roundTripsOf(scene.database, () => unsubscribeFromPush(scene.deps, viewer, id))).toBe(1)
    expect(await codeOf(unsubscribeFromPush(scene.deps, viewer, id))).toBe('push_subscription_not_found')
    expect(await endpointsOf(viewer)).toEqual([])
  })

  it('is the eleventh at the cost of the oldest', async () => {
    const viewer = await scene.addViewer()
    const all = Array.from({ length: 11 }, () => newSubscription())
    for (const subscription of all) await subscribe(viewer, subscription)
    await subscribe(viewer, all[1])
    const kept = all.slice(1).map(({ endpoint }) => endpoint)
    expect(await endpointsOf(viewer)).toEqual(kept.toReversed())
  })

  it('is one of ten also when many are made at once', async () => {
    const viewer = await scene.addViewer()
    for (let made = 0; made < 8; made++) await subscribe(viewer)
    let many: Promise<unknown> = Promise.resolve()
    // What they insert waits for the session, so that none is committed before all of them have looked.
    const hold = { text: 'select from sessions where id = $1 for update', values: [viewer.sessionId] }
    await inTransaction(scene.database.pool, [hold], async () => {
      many = Promise.all(Array.from({ length: 6 }, () => subscribe(viewer)))
      expect(await until(async () => (await waiting()) >= 6, { withinMs: 10_000 })).toBe(true)
    })
    await many
    const { rowCount } = await scene.database.pool.query(
      'select from push_subscriptions where user_id = $1',
      [viewer.id],
    )
    expect(rowCount).toBe(10)
  })

  it('is one and somebody’s, whoever of many makes it at once', async () => {
    const viewers = await Promise.all(Array.from({ length: 6 }, () => scene.addViewer()))
    const browsers = Array.from({ length: 3 }, newSubscription)
    await Promise.all(viewers.flatMap((viewer) => browsers.map((browser) => subscribe(viewer, browser))))
    const listed = (await Promise.all(viewers.map(endpointsOf))).flat()
    expect(listed.sort()).toEqual(browsers.map(({ endpoint }) => endpoint).sort())
  })
})

describe('nobody subscribes', () => {
  it('in a session that is over', async () => {
    const viewer = await scene.addViewer()
    const elsewhere = await scene.signIn(viewer)
    await endSession(scene.deps, elsewhere, viewer.sessionId)
    expect(await codeOf(subscribe(viewer))).toBe('unauthenticated')
    expect(await codeOf(subscribe({ ...viewer, sessionId: crypto.randomUUID() }))).toBe('unauthenticated')
    const other = await scene.addViewer()
    expect(await codeOf(subscribe({ ...viewer, sessionId: other.sessionId }))).toBe('unauthenticated')
    expect(await endpointsOf(elsewhere)).toEqual([])
  })

  it('who is suspended or gone', async () => {
    expect(await codeOf(subscribe(await scene.addViewer({ suspended_at: new Date() })))).toBe('suspended')
    expect(await codeOf(subscribe(await scene.addViewer({ is_active: false })))).toBe('unauthenticated')
  })

  it('with an endpoint of no push service that is known here', async () => {
    const viewer = await scene.addViewer()
    for (const endpoint of [
      'https://evil.example/',
      'http://127.0.0.1:5432/',
      'https://fcm.googleapis.com/x',
      'x',
      '',
    ]) {
      expect(await codeOf(subscribe(viewer, { ...newSubscription(), endpoint }))).toBe('validation_failed')
    }
    expect(await endpointsOf(viewer)).toEqual([])
  })

  it('with a key that is beside the curve', async () => {
    const viewer = await scene.addViewer()
    const p256dh = `BA${'A'.repeat(85)}`
    expect(await codeOf(subscribe(viewer, { ...newSubscription(), p256dh }))).toBe('validation_failed')
  })

  it('where Web Push is not set up', async () => {
    const viewer = await scene.addViewer()
    const deps = { ...scene.deps, settings: { ...scene.deps.settings, push: null } }
    const tries = [
      subscribeToPush(deps, viewer, newSubscription()),
      listPushSubscriptions(deps, viewer),
      unsubscribeFromPush(deps, viewer, 1),
    ]
    expect(await Promise.all(tries.map(codeOf))).toEqual(['unavailable', 'unavailable', 'unavailable'])
  })
})
