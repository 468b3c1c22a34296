import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { pushSubscription, pushSubscriptionList } from '../../src/contracts/http/push.ts'
import type { PushEvent } from '../../src/contracts/queues.ts'
import { deliverPushes } from '../../src/queues/push-deliveries.ts'
import type { Viewer } from '../../src/services/deps.ts'
import worker from '../../src/worker/index.ts'
import { TEST_VAPID } from '../node/harness/push-keys.ts'
import {
  answerWith,
  type BrowserSubscription,
  insertSessionOf,
  newBrowser,
  stateOfBrowser,
} from './browsers.ts'
import { answerOf, api, requestOf, rows, testDeps } from './harness.ts'
import { insertPeople, insertRecentTweets, tokenOf } from './people.ts'

const PATH = '/api/push/subscriptions'

interface Scene {
  viewer: Viewer
  actor: Viewer
  token: string
}

async function setScene(): Promise<Scene> {
  const [viewer, actor] = await insertPeople(2)
  if (viewer === undefined || actor === undefined) throw new Error('Nobody was inserted')
  await insertSessionOf(viewer)
  return { viewer, actor, token: await tokenOf(viewer) }
}

async function subscribed({ token }: Scene): Promise<BrowserSubscription> {
  const browser = await newBrowser()
  expect(await api('POST', PATH, { token, body: browser })).toMatchObject({ status: 201 })
  return browser
}

/** A like of the viewer's tweet that is to be pushed. */
async function likeOwed({
  viewer,
  actor,
}: Scene): Promise<{ outbox_id: number; event: PushEvent; tweet: number }> {
  const [tweet = 0] = await insertRecentTweets(viewer, 1)
  const [notification] = await rows<{ id: number }>(sql`
    insert into notifications (user_id, actor_id, type, tweet_id)
    values (${viewer.id}, ${actor.id}, 'like', ${tweet})
    returning id::float8 as id`)
  const event: PushEvent = {
    type: 'push',
    v: 1,
    user_id: viewer.id,
    of: 'notification',
    id: notification?.id ?? 0,
  }
  const [row] = await rows<{ id: number }>(sql`
    insert into outbox (queue, message, next_attempt_at)
    values ('notifications', ${JSON.stringify(event)}::jsonb, now() + interval '1 day')
    returning id::float8 as id`)
  return { outbox_id: row?.id ?? 0, event, tweet }
}

describe('the routes of Web Push', () => {
  it('subscribe a browser, list it without its secret, and unsubscribe it', async () => {
    const scene = await setScene()
    const { token } = scene
    expect(await api('GET', PATH, { token })).toMatchObject({
      status: 200,
      body: { public_key: TEST_VAPID.publicKey, subscriptions: [] },
    })
    const browser = await newBrowser()
    const made = await api('POST', PATH, { token, body: { ...browser, unknown: 1 } })
    expect(made.status).toBe(201)
    const subscription = pushSubscription.parse(made.body)
    expect(subscription.origin).toBe(new URL(browser.endpoint).origin)
    expect(await api('POST', PATH, { token, body: browser })).toMatchObject({ status: 200, body: made.body })

    const listed = await api('GET', PATH, { token })
    expect(pushSubscriptionList.parse(listed.body).subscriptions).toEqual([subscription])
    for (const secret of [new URL(browser.endpoint).pathname, ...Object.values(browser.keys)]) {
      expect(JSON.stringify([made.body, listed.body])).not.toContain(secret)
    }

    const path = `${PATH}/${subscription.id}`
    expect(await api('DELETE', path, { token })).toMatchObject({ status: 204, body: null })
    const again = { status: 404, body: { code: 'push_subscription_not_found' } }
    expect(await api('DELETE', path, { token })).toMatchObject(again)
  })

  it.each([
    ['endpoint', { endpoint: 'https://evil.example/push' }],
    ['endpoint', { endpoint: 'http://push.example.com/push' }],
    ['endpoint', { endpoint: 'https://push.example.com@evil.example/' }],
    ['keys.p256dh', { keys: { p256dh: `BA${'A'.repeat(85)}` } }],
    ['keys.p256dh', { keys: { p256dh: `C${'A'.repeat(86)}` } }],
    ['keys.p256dh', { keys: { p256dh: '' } }],
    ['keys.auth', { keys: { auth: 'A'.repeat(21) } }],
    ['keys.auth', { keys: { auth: `${'A'.repeat(22)}==` } }],
    ['keys.auth', { keys: { auth: `\0${'A'.repeat(21)}` } }],
  ])('refuse a bad %s: %j', async (path, change) => {
    const { token } = await setScene()
    const browser = await newBrowser()
    const body = {
      ...browser,
      ...change,
      keys: { ...browser.keys, ...('keys' in change ? change.keys : {}) },
    }
    expect(await api('POST', PATH, { token, body })).toMatchObject({
      status: 400,
      body: { code: 'validation_failed', errors: [{ path: `json.${path}` }] },
    })
    expect(await api('GET', PATH, { token })).toMatchObject({ body: { subscriptions: [] } })
  })
})

describe('a server without keys, or without a subject', () => {
  it.each(['VAPID_PUBLIC_KEY', 'VAPID_PRIVATE_KEY', 'VAPID_SUBJECT'])(
    'says that there is no Web Push: %s',
    async (name) => {
      const { token } = await setScene()
      const ask = async (method: string, path: string, body?: unknown) => {
        const request = requestOf(method, path, { token, ...(body === undefined ? {} : { body }) })
        return answerOf(await worker.fetch(request, { ...env, [name]: '' }, createExecutionContext()))
      }
      for (const answer of [
        await ask('GET', PATH),
        await ask('POST', PATH, await newBrowser()),
        await ask('DELETE', `${PATH}/1`),
      ]) {
        const body = { code: 'unavailable', detail: 'Web Push is not set up on this server' }
        expect(answer).toMatchObject({ status: 503, body })
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
      }
      expect(await api('GET', PATH, { token })).toMatchObject({ body: { subscriptions: [] } })
    },
  )
})

describe('a push from the Workers runtime', () => {
  it('can be read by the browser, and the sender verified', async () => {
    const scene = await setScene()
    const browser = await subscribed(scene)
    const { tweet, ...owed } = await likeOwed(scene)
    expect(await deliverPushes(testDeps(), [owed])).toEqual(new Set())
    expect(await stateOfBrowser(browser)).toEqual({
      calls: 1,
      received: [
        {
          payload: {
            id: owed.event.id,
            type: 'like',
            title: `${scene.actor.username} liked your tweet`,
            body: `Tweet ${tweet}`,
            url: `/tweets/${tweet}`,
            unread_count: 0,
          },
          ttl: '86400',
          urgency: 'normal',
          topic: `notification-${owed.event.id}`,
        },
      ],
    })
  })

  it.each([
    [201, false, 1],
    [410, false, 0],
    [503, true, 1],
    [307, false, 1],
    [400, false, 1],
  ])(
    'answered %i is tried again or not, and keeps its subscription or not',
    async (answer, isAgain, kept) => {
      const scene = await setScene()
      const browser = await subscribed(scene)
      await answerWith(browser, answer)
      const { tweet: _, ...owed } = await likeOwed(scene)
      expect(await deliverPushes(testDeps(), [owed])).toEqual(new Set(isAgain ? [owed.outbox_id] : []))
      const { body } = await api('GET', PATH, { token: scene.token })
      expect(pushSubscriptionList.parse(body).subscriptions).toHaveLength(kept)
      expect((await stateOfBrowser(browser)).calls).toBe(1)
    },
  )

  it('does not wait for a push service that hangs', async () => {
    const scene = await setScene()
    const [browser, other] = [await subscribed(scene), await subscribed(scene)]
    await answerWith(browser, 'hang')
    const { tweet: _, ...owed } = await likeOwed(scene)
    const again = await deliverPushes(testDeps(), [owed], { inFlight: 6, callMs: 2_000, batchMs: 30_000 })
    expect(again).toEqual(new Set([owed.outbox_id]))
    expect((await stateOfBrowser(other)).received).toHaveLength(1)
  })

  it('does not go to a session that has signed out', async () => {
    const scene = await setScene()
    const browser = await subscribed(scene)
    const { tweet: _, ...owed } = await likeOwed(scene)
    expect((await api('POST', '/api/auth/logout', { token: scene.token })).status).toBe(200)
    expect(await deliverPushes(testDeps(), [owed])).toEqual(new Set())
    expect((await stateOfBrowser(browser)).calls).toBe(0)
    expect(await api('POST', PATH, { token: scene.token, body: browser })).toMatchObject({ status: 401 })
  })
})
