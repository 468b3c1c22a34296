import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import type { Crowd } from '../../node/harness/crowd.ts'
import { relayNow, untilSettled } from '../../node/harness/owed.ts'
import { WRONG_COUNTERS } from '../../node/harness/wrong-counters.ts'
import type { Asked, Load } from './load.ts'
import type { Scene } from './scene.ts'

/** Which build each of the readers' timelines is of: another after it was built anew. */
export async function buildsOf(scene: Scene, { followers }: Crowd): Promise<Map<number, number>> {
  const rows = await scene.rows<{ user_id: number; epoch: number }>(
    'select user_id::float8 as user_id, epoch::float8 as epoch from timelines where user_id = any($1)',
    [followers.map(({ id }) => id)],
  )
  return new Map(rows.map(({ user_id, epoch }) => [user_id, epoch]))
}

/** The ids under which each of the author's contents is stored, the deleted ones left out. */
async function storedOf(scene: Scene, { author }: Crowd): Promise<Map<string, number[]>> {
  const rows = await scene.rows<{ id: number; content: string }>(
    'select id::float8 as id, content from tweets where user_id = $1 and not is_deleted order by id desc',
    [author.id],
  )
  const byContent = Map.groupBy(rows, ({ content }) => content)
  return new Map([...byContent].map(([content, stored]) => [content, stored.map(({ id }) => id)]))
}

/** Sends again what is owed as the cron job would half a minute later, twice at once, and waits until it is done. */
async function settle(scene: Scene): Promise<void> {
  await Promise.all([relayNow(scene.stack), relayNow(scene.stack)])
  await untilSettled(scene.stack)
}

/**
 * What must hold once the fault is over, whatever it was: what was acknowledged is stored once, what was not at most
 * once, and once under the same id when it is asked for again; every follower's home timeline shows each tweet once and
 * in order; counters equal rows; nothing is owed; nobody gave up on anything.
 */
export async function expectIntact(scene: Scene, crowd: Crowd, load: Load): Promise<void> {
  await settle(scene)
  const before = await storedOf(scene, crowd)
  const { unacknowledged } = load
  await load.repeatUnacknowledged()
  const stored = await storedOf(scene, crowd)
  for (const { content, id } of unacknowledged) {
    const known = before.get(content) ?? []
    expect(known.length).toBeLessThanOrEqual(1)
    if (known.length > 0 && id !== null) expect(known).toEqual([id])
  }
  expect(load.asked.filter((asked) => !isRight(asked, stored.get(asked.content) ?? []))).toEqual([])

  await settle(scene)
  await expectOnEveryHome(scene, crowd, [...stored.values()].flat())
  expect(await scene.rows(WRONG_COUNTERS)).toEqual([])
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

/** Whether a tweet is stored as its author was told; of one that was never acknowledged nobody was told anything. */
function isRight({ id, deleted }: Asked, stored: readonly number[]): boolean {
  if (deleted) return stored.length === 0
  return id === null ? stored.length <= 1 : isDeepStrictEqual(stored, [id])
}
