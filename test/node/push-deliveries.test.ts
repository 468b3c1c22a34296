import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type PushPayload, pushPayload } from '../../src/contracts/push.ts'
import type { NotificationType } from '../../src/domain/notifications.ts'
import { deliverPushes } from '../../src/queues/push-deliveries.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { freePort } from '../../tools/stack/ports.ts'
import { roundTripsOf, withFaults } from './harness/endpoint.ts'
import { type OwedPush, type PushScene, startPushScene } from './harness/push-scene.ts'
import type { TestBrowser } from './harness/push-service.ts'
import { addTweet } from './harness/tweets.ts'

let scene: PushScene

beforeAll(async () => {
  scene = await startPushScene()
})

beforeEach(() => {
  scene.lines.length = 0
})

afterAll(() => scene.stop())

const payloadsOf = (browser: TestBrowser): PushPayload[] =>
  browser.received().map(({ payload }) => pushPayload.parse(payload))

/** Somebody with a browser, whom somebody else has followed. */
async function followed(forHours = 0): Promise<{ viewer: Viewer; browser: TestBrowser; owed: OwedPush }> {
  const viewer = await scene.addViewer()
  const browser = await scene.addBrowser(viewer)
  const actor = await scene.people.addUser({ display_name: 'Ada Lovelace' })
  const id = await scene.addNotification(viewer.id, { type: 'follow', actor })
  return { viewer, browser, owed: await scene.owe(viewer.id, 'notification', id, forHours) }
}

async function subscriptionsOf({ id }: Viewer): Promise<number> {
  const { rowCount } = await scene.database.pool.query('select from push_subscriptions where user_id = $1', [
    id,
  ])
  return rowCount ?? 0
}

describe('a push', () => {
  it('says who did what, and can be read by the browser alone', async () => {
    const viewer = await scene.addViewer()
    const browser = await scene.addBrowser(viewer)
    const actor = await scene.people.addUser({ username: 'ada', display_name: 'Ada Lovelace' })
    const own = await addTweet(scene.database.pool, viewer.id, { content: 'My own' })
    const theirs = await addTweet(scene.database.pool, actor, { content: 'Hi @you' })
    const titles: Record<NotificationType, [title: string, tweet: number | null]> = {
      like: ['Ada Lovelace liked your tweet', own],
      retweet: ['Ada Lovelace retweeted your tweet', own],
      quote: ['Ada Lovelace quoted your tweet', theirs],
      reply: ['Ada Lovelace replied to your tweet', theirs],
      mention: ['Ada Lovelace mentioned you', theirs],
      follow: ['Ada Lovelace followed you', null],
      follow_request: ['Ada Lovelace asked to follow you', null],
      poll: ['A poll that you voted in has ended', theirs],
      tweet: ['Ada Lovelace tweeted', theirs],
    }
    for (const [type, [title, tweet]] of Object.entries(titles) as [
      NotificationType,
      [string, number | null],
    ][]) {
      const id = await scene.addNotification(viewer.id, { type, actor, ...(tweet === null ? {} : { tweet }) })
      const again = await deliverPushes(scene.deps, [await scene.owe(viewer.id, 'notification', id)])
      expect(again).toEqual(new Set())
      expect(browser.received().at(-1)).toEqual({
        payload: {
          id,
          type,
          title,
          body: tweet === own ? 'My own' : tweet === theirs ? 'Hi @you' : '@ada',
          url: type === 'follow_request' ? '/follow-requests' : tweet === null ? '/@ada' : `/tweets/${tweet}`,
          unread_count: browser.received().length,
        },
        ttl: '86400',
        urgency: type === 'mention' ? 'high' : 'normal',
        topic: `notification-${id}`,
      })
    }
  })

  it('says whose poll it was, and what a message says', async () => {
    const viewer = await scene.addViewer()
    const browser = await scene.addBrowser(viewer)
    const poll = await addTweet(scene.database.pool, viewer.id, { content: 'Tea or coffee?' })
    const ended = await scene.addNotification(viewer.id, { type: 'poll', actor: viewer.id, tweet: poll })
    const sender = await scene.people.addUser({ display_name: 'Ada' })
    const message = await scene.addMessage(viewer.id, sender, { content: 'Tea?\nOr "coffee"?' })
    const picture = await scene.addMessage(viewer.id, sender, {
      content: '',
      media_url: 'https://example.com/1',
    })
    await deliverPushes(scene.deps, [
      await scene.owe(viewer.id, 'notification', ended),
      await scene.owe(viewer.id, 'message', message),
      await scene.owe(viewer.id, 'message', picture),
    ])
    const received = browser.received().toSorted((a, b) => String(b.topic).localeCompare(String(a.topic)))
    expect(received.map(({ topic, urgency }) => [topic, urgency])).toEqual([
      [`notification-${ended}`, 'normal'],
      [`message-${picture}`, 'high'],
      [`message-${message}`, 'high'],
    ])
    const shown = received.map(({ payload }) => payload)
    const ofSender = { type: 'message', title: 'Ada', url: `/messages/${sender}`, unread_count: 2 }
    expect(shown).toEqual([
      expect.objectContaining({
        title: 'Your poll has ended',
        body: 'Tea or coffee?',
        url: `/tweets/${poll}`,
      }),
      { ...ofSender, id: picture, body: 'Sent an attachment' },
      { ...ofSender, id: message, body: 'Tea?\nOr "coffee"?' },
    ])
  })

  it('is small enough, however long and strange the text', async () => {
    const viewer = await scene.addViewer()
    const browser = await scene.addBrowser(viewer)
    const sender = await scene.people.addUser({ display_name: '"'.repeat(100) })
    const texts = [
      '"'.repeat(10_000),
      '\u{1f469}\u200d'.repeat(4_000),
      'ﷺ'.repeat(10_000),
      '\n'.repeat(10_000),
    ]
    for (const content of texts) {
      const id = await scene.addMessage(viewer.id, sender, { content })
      expect(await deliverPushes(scene.deps, [await scene.owe(viewer.id, 'message', id)])).toEqual(new Set())
    }
    const payloads = payloadsOf(browser)
    expect(payloads).toHaveLength(texts.length)
    for (const [n, payload] of payloads.entries()) {
      expect(Buffer.byteLength(JSON.stringify(payload))).toBeLessThan(3_000)
      expect(payload.body).toMatch(/…$/)
      expect(texts[n]).toContain(payload.body.slice(0, -1))
    }
  })

  it('reaches all browsers of all who are meant, with one statement', async () => {
    const [first, second, browserless] = [await followed(), await followed(), await followed()]
    const others = [
      await scene.addBrowser(first.viewer),
      await scene.addBrowser(await scene.signIn(first.viewer)),
    ]
    await scene.database.pool.query('delete from push_subscriptions where user_id = $1', [
      browserless.viewer.id,
    ])
    const batch = [first, second, browserless].map(({ owed }) => owed)
    expect(await roundTripsOf(scene.database, () => deliverPushes(scene.deps, batch))).toBe(1)
    for (const browser of [first.browser, second.browser, ...others]) {
      expect(payloadsOf(browser)).toEqual([expect.objectContaining({ title: 'Ada Lovelace followed you' })])
    }
    expect(payloadsOf(browserless.browser)).toEqual([])
  })

  it('is not sent again once its outbox row is gone', async () => {
    const { browser, owed } = await followed()
    await scene.database.pool.query('delete from outbox where id = $1', [owed.outbox_id])
    expect(await deliverPushes(scene.deps, [owed])).toEqual(new Set())
    expect(browser.calls()).toBe(0)
  })

  it('is not sent at all where Web Push is not set up', async () => {
    const { browser, owed } = await followed()
    const deps = { ...scene.deps, settings: { ...scene.deps.settings, push: null } }
    expect(await roundTripsOf(scene.database, () => deliverPushes(deps, [owed]))).toBe(0)
    expect(browser.calls()).toBe(0)
  })

  it('fails as a batch while the database cannot be asked', async () => {
    const { browser, owed } = await followed()
    await withFaults(scene.database, { refuse: true }, async () => {
      await expect(deliverPushes(scene.deps, [owed])).rejects.toThrow()
    })
    expect(browser.calls()).toBe(0)
  })
})

describe('a push service', () => {
  it.each([404, 410])('that does not know a browser any more (%i) ends its subscription', async (status) => {
    const [{ viewer, browser, owed }, other] = [await followed(), await followed()]
    const second = await scene.addBrowser(viewer)
    browser.answerWith(status)
    const trips = await roundTripsOf(scene.database, async () => {
      expect(await deliverPushes(scene.deps, [owed, other.owed])).toEqual(new Set())
    })
    expect(trips).toBe(2)
    expect(second.received()).toHaveLength(1)
    expect(await Promise.all([viewer, other.viewer].map(subscriptionsOf))).toEqual([1, 1])
    await deliverPushes(scene.deps, [owed])
    expect([browser.calls(), second.calls()]).toEqual([1, 2])
  })

  it.each([429, 500, 503])('that is busy (%i) is tried again, under the same topic', async (status) => {
    const [{ viewer, browser, owed }, other] = [await followed(), await followed()]
    browser.answerWith(status)
    expect(await deliverPushes(scene.deps, [owed, other.owed])).toEqual(new Set([owed.outbox_id]))
    expect(other.browser.received()).toHaveLength(1)
    expect(await subscriptionsOf(viewer)).toBe(1)
    browser.answerWith(201)
    expect(await deliverPushes(scene.deps, [owed])).toEqual(new Set())
    expect(await deliverPushes(scene.deps, [owed])).toEqual(new Set())
    expect(new Set(browser.received().map(({ topic }) => topic)).size).toBe(1)
  })

  it.each([400, 401, 403, 413, 301, 307])('that refuses (%i) is not tried again', async (status) => {
    const [{ viewer, browser, owed }, other] = [await followed(), await followed()]
    browser.answerWith(status)
    expect(await deliverPushes(scene.deps, [owed, other.owed])).toEqual(new Set())
    expect(browser.calls()).toBe(1)
    expect(await subscriptionsOf(viewer)).toBe(1)
    expect(other.browser.received()).toHaveLength(1)
    expect(scene.lines.find(({ event }) => event === 'push_failed')?.fields).toMatchObject({ status })
  })

  it('that is not there, or does not answer in time, is tried again', async () => {
    const [absent, silent, other] = [await followed(), await followed(), await followed()]
    silent.browser.answerWith('hang')
    const nowhere = `http://127.0.0.1:${await freePort()}/push`
    await scene.database.pool.query('update push_subscriptions set endpoint = $1 where user_id = $2', [
      nowhere,
      absent.viewer.id,
    ])
    const push = scene.deps.settings.push
    const services = [...(push?.services ?? []), { origin: new URL(nowhere).origin }]
    const deps = { ...scene.deps, settings: { ...scene.deps.settings, push: push && { ...push, services } } }
    const batch = [absent, silent, other].map(({ owed }) => owed)
    const again = await deliverPushes(deps, batch, { inFlight: 6, callMs: 2_000, batchMs: 30_000 })
    expect(again).toEqual(new Set([absent.owed.outbox_id, silent.owed.outbox_id]))
    expect(other.browser.received()).toHaveLength(1)
  })

  it('that hangs is called so many times at once, and after a while no more', async () => {
    const viewers = await Promise.all(Array.from({ length: 8 }, () => followed()))
    for (const { browser } of viewers) browser.answerWith('hang')
    const batch = viewers.map(({ owed }) => owed)
    const again = await deliverPushes(scene.deps, batch, { inFlight: 3, callMs: 1_000, batchMs: 500 })
    expect(again).toEqual(new Set(batch.map(({ outbox_id }) => outbox_id)))
    const calls = viewers.reduce((sum, { browser }) => sum + browser.calls(), 0)
    expect(calls).toBe(3)
    expect(scene.lines.at(-1)).toMatchObject({
      event: 'pushes',
      fields: { failed: 3, not_begun: 5, retried: 8 },
    })
  })

  it('that fails for 45 minutes is given up, which is said', async () => {
    const [young, old] = [await followed(0.74), await followed(0.76)]
    for (const { browser } of [young, old]) browser.answerWith(503)
    expect(await deliverPushes(scene.deps, [young.owed, old.owed])).toEqual(new Set([young.owed.outbox_id]))
    expect(scene.lines).toContainEqual({
      level: 'warn',
      event: 'pushes_given_up',
      fields: { outbox_ids: [old.owed.outbox_id] },
    })
  })

  it('that is not known here any more is never called', async () => {
    const { browser, owed } = await followed()
    const push = scene.deps.settings.push
    const services = [{ host: 'push.example.com' }]
    const deps = { ...scene.deps, settings: { ...scene.deps.settings, push: push && { ...push, services } } }
    expect(await deliverPushes(deps, [owed])).toEqual(new Set())
    expect(browser.calls()).toBe(0)
  })
})

describe('one bad subscription', () => {
  it.each([
    ['a key that is none', { p256dh: 'x' }],
    ['a point beside the curve', { p256dh: `BA${'A'.repeat(85)}` }],
    ['a secret that is too short', { auth: 'AA' }],
    ['an endpoint that is no URL', { endpoint: 'x' }],
  ])('keeps no other back: %s', async (_, bad) => {
    const [{ viewer, owed }, other] = [await followed(), await followed()]
    const second = await scene.addBrowser(viewer)
    const [[column, value] = []] = Object.entries(bad)
    await scene.database.pool.query(
      `update push_subscriptions set ${column} = $1
       where id = (select min(id) from push_subscriptions where user_id = $2)`,
      [value, viewer.id],
    )
    expect(await deliverPushes(scene.deps, [owed, other.owed])).toEqual(new Set())
    expect(second.received()).toHaveLength(1)
    expect(other.browser.received()).toHaveLength(1)
    expect(scene.lines.map(({ event }) => event)).toContain('push_failed')
  })
})

it('logs no secret of an endpoint', async () => {
  const [busy, silent] = [await followed(), await followed()]
  busy.browser.answerWith(500)
  silent.browser.answerWith('hang')
  await deliverPushes(scene.deps, [busy.owed, silent.owed], { inFlight: 6, callMs: 300, batchMs: 30_000 })
  const text = inspect(scene.lines, { depth: 10 })
  expect(text).toContain(scene.service.origin)
  for (const { browser } of [busy, silent]) {
    expect(text).not.toContain(new URL(browser.subscription.endpoint).pathname)
    expect(text).not.toContain(browser.subscription.keys.auth)
  }
})

describe('a push that one of somebody’s browsers does not take for now', () => {
  it('comes again for that one alone', async () => {
    const { viewer, browser, owed } = await followed()
    const other = await scene.addBrowser(viewer)
    browser.answerWith(503)
    expect(await deliverPushes(scene.deps, [owed])).toEqual(new Set([owed.outbox_id]))
    expect([browser.calls(), other.calls()]).toEqual([1, 1])
    browser.answerWith(201)
    expect(await deliverPushes(scene.deps, [owed])).toEqual(new Set())
    expect([browser.calls(), other.calls()]).toEqual([2, 1])
  })
})
