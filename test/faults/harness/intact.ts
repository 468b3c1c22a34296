import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { until } from '../../../tools/stack/until.ts'
import type { Crowd } from '../../node/harness/crowd.ts'
import { inboxOf } from '../../node/harness/inbox.ts'
import { WRONG_CONVERSATIONS } from '../../node/harness/messages.ts'
import { relayNow, untilSettled } from '../../node/harness/owed.ts'
import { WRONG_COUNTERS } from '../../node/harness/wrong-counters.ts'
import { WRONG_NOTIFICATIONS_AMONG } from '../../node/harness/wrong-notifications-among.ts'
import type { LiveClient } from './live-client.ts'
import type { Asked, Like, Load } from './load.ts'
import type { Scene } from './scene.ts'

/** Which build each of the readers' timelines is of: another after it was built anew. */
export async function buildsOf(scene: Scene, { followers }: Crowd): Promise<Map<number, number>> {
  const rows = await scene.rows<{ user_id: number; epoch: number }>(
    'select user_id::float8 as user_id, epoch::float8 as epoch from timelines where user_id = any($1)',
    [followers.map(({ id }) => id)],
  )
  return new Map(rows.map(({ user_id, epoch }) => [user_id, epoch]))
}

/** Frames are on their way for so long, and clients that must come back first. */
const SHOWN_WITHIN_MS = 30_000

interface Stored {
  /** Newest first. */
  tweets: number[]
  messages: number[]
  /** The ids under which a content is stored. */
  of(content: string): number[]
}

/** The author's tweets, the deleted ones left out, and messages. */
async function storedOf(scene: Scene, { author }: Crowd): Promise<Stored> {
  const rows = await scene.rows<{ id: number; content: string; is_message: boolean }>(
    `select id::float8 as id, content, false as is_message from tweets where user_id = $1 and not is_deleted
     union all
     select id::float8, content, true from direct_messages where sender_id = $1
     order by id desc`,
    [author.id],
  )
  const byContent = Map.groupBy(rows, ({ content }) => content)
  const { messages = [], tweets = [] } = Object.groupBy(rows, (row) =>
    row.is_message ? 'messages' : 'tweets',
  )
  return {
    tweets: ids(tweets),
    messages: ids(messages),
    of: (content) => ids(byContent.get(content) ?? []),
  }
}

/** Likes that are not as was acknowledged. */
async function wrongLikes(scene: Scene, { likes }: Load): Promise<Like[]> {
  const rows = await scene.rows<{ tweet: number; reader: number }>(
    'select tweet_id::float8 as tweet, user_id::float8 as reader from likes where tweet_id = any($1)',
    [likes.map(({ tweet }) => tweet)],
  )
  const stored = new Set(rows.map(({ tweet, reader }) => `${tweet} ${reader}`))
  return likes.filter(
    ({ tweet, reader, holds }) => holds !== null && holds !== stored.has(`${tweet} ${reader.id}`),
  )
}

/** Sends again what is owed as the cron job would half a minute later, twice at once, and waits until it is done. */
async function settle(scene: Scene): Promise<void> {
  await Promise.all([relayNow(scene.stack), relayNow(scene.stack)])
  await untilSettled(scene.stack)
}

/**
 * What must hold once the fault is over, whatever it was: what was acknowledged is stored once, what was not at most
 * once, and once under the same id when it is asked for again; every follower's home timeline shows each tweet once and
 * in order; counters equal rows; people are notified of what holds and nothing else, and all of it was shown live, once;
 * nothing is owed; nobody gave up on anything.
 */
export async function expectIntact(scene: Scene, crowd: Crowd, load: Load): Promise<void> {
  await settle(scene)
  const before = await storedOf(scene, crowd)
  const { unacknowledged } = load
  await load.repeatUnacknowledged()
  const stored = await storedOf(scene, crowd)
  for (const { content, id } of unacknowledged) {
    const known = before.of(content)
    expect(known.length).toBeLessThanOrEqual(1)
    if (known.length > 0 && id !== null) expect(known).toEqual([id])
  }
  const asked = [...load.asked, ...load.messages]
  expect(asked.filter((one) => !isRight(one, stored.of(one.content)))).toEqual([])
  expect(await wrongLikes(scene, load)).toEqual([])

  await settle(scene)
  await expectOnEveryHome(scene, crowd, stored.tweets)
  expect(await scene.rows(WRONG_COUNTERS)).toEqual([])
  expect(await scene.rows(WRONG_NOTIFICATIONS_AMONG, [ids([crowd.author, ...crowd.followers])])).toEqual([])
  expect(await scene.rows(WRONG_CONVERSATIONS)).toEqual([])
  for (const client of load.clients) await expectShown(scene, client)
  expect(await scene.rows('select queue, message, error from dead_letters')).toEqual([])
}

/** That each follower's home timeline shows just these tweets, newest first. */
export async function expectOnEveryHome(scene: Scene, { followers }: Crowd, tweets: number[]): Promise<void> {
  const expected = tweets.toSorted((a, b) => b - a)
  const homes = await scene.homesOf(followers)
  const wrong = homes.filter((home) => !isDeepStrictEqual(home, expected))
  const differences = wrong.map((home) => ({
    missing: expected.filter((id) => !home.includes(id)),
    more: home.filter((id, index) => !expected.includes(id) || home.indexOf(id) !== index),
    disorder: !isDeepStrictEqual(
      home,
      home.toSorted((a, b) => b - a),
    ),
  }))
  expect(differences).toEqual([])
}

/** That a client knows by its frames what its lists say. After a reset it may have shown some of it before. */
async function expectShown(scene: Scene, client: LiveClient): Promise<void> {
  const { unread, notifications } = await inboxOf(scene.stack, client.person)
  const listed = notifications.map(({ id }) => id).toSorted((a, b) => a - b)
  const messages = await scene.rows<{ id: number }>(
    'select id::float8 as id from direct_messages where sender_id = $1 or receiver_id = $1 order by id',
    [client.person.id],
  )
  const known = () => {
    const shown = client.shown()
    return {
      unread: shown.wasReset ? (shown.unread ?? unread) : (shown.unread ?? 0),
      notifications: shown.wasReset ? added(listed, shown.notifications) : shown.notifications,
      messages: shown.wasReset
        ? added(ids(messages), shown.messages)
        : shown.messages.toSorted((a, b) => a - b),
      repeats: shown.repeats,
    }
  }
  const expected = { unread, notifications: listed, messages: ids(messages), repeats: [] }
  await until(() => isDeepStrictEqual(known(), expected), { withinMs: SHOWN_WITHIN_MS })
  expect(known()).toEqual(expected)
}

/** Whether a tweet or message is stored as its author was told; of one that was never acknowledged nobody was told anything. */
function isRight({ id, deleted }: Asked, stored: readonly number[]): boolean {
  if (deleted) return stored.length === 0
  return id === null ? stored.length <= 1 : isDeepStrictEqual(stored, [id])
}

const ids = (some: readonly { id: number }[]) => some.map(({ id }) => id)

/** Both, each once, ascending. */
const added = (known: readonly number[], shown: readonly number[]) =>
  [...new Set([...known, ...shown])].toSorted((a, b) => a - b)
