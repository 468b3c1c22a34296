import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import type { Crowd } from '../../node/harness/crowd.ts'
import { relayNow, untilSettled } from '../../node/harness/owed.ts'
import { WRONG_COUNTERS } from '../../node/harness/wrong-counters.ts'
import type { Load } from './load.ts'
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
  for (const { content } of unacknowledged) expect((before.get(content) ?? []).length).toBeLessThanOrEqual(1)
  await load.repeatUnacknowledged()
  for (const { content, id } of unacknowledged) expect(before.get(content) ?? [id]).toEqual([id])
  await settle(scene)

  const stored = await storedOf(scene, crowd)
  const kept = load.asked.filter(({ deleted }) => !deleted)
  expect(sorted(stored)).toEqual(sorted(new Map(kept.map(({ content, id }) => [content, [id]]))))
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

function sorted<Value>(map: Map<string, Value>): [string, Value][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}
