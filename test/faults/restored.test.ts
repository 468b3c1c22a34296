import { afterAll, beforeAll, expect, it } from 'vitest'
import { until } from '../../tools/stack/until.ts'
import { api, register } from '../node/harness/client.ts'
import { addCrowd, type Crowd } from '../node/harness/crowd.ts'
import { showWarningsOnFailure } from '../node/harness/warnings.ts'
import { buildsOf, expectIntact } from './harness/intact.ts'
import type { Acknowledged, Load } from './harness/load.ts'
import { SCENE_TIMEOUT_MS, Scene } from './harness/scene.ts'
import { underLoad, untilPosted } from './harness/under-load.ts'

const FOLLOWERS = 50
/** Followers whose first read is after the copy: the restored database does not know that they are warm. */
const LATE = 10
const LOST_EPOCH = 1
/** Ten times what it takes on two cores that nobody else uses. */
const TIMEOUT_MS = 300_000
const STEP_WITHIN_MS = 120_000

let scene: Scene

beforeAll(async () => {
  scene = await Scene.startFaulty()
}, SCENE_TIMEOUT_MS)

afterAll(() => scene.clear())
showWarningsOnFailure(() => scene.stack)

/** Stops the database and remembers what it holds. Answers what had been acknowledged by then. */
async function takeCopy(load: Load): Promise<Acknowledged> {
  await scene.database.stop()
  await load.untilRefused()
  const acknowledged = load.acknowledged()
  await scene.database.takeCopy()
  await scene.database.start()
  return acknowledged
}

/** What an operator does. Answers the tweets that were acknowledged and are gone. */
async function restore(load: Load, then: Acknowledged): Promise<number[]> {
  await scene.database.stop()
  await load.untilRefused()
  const gone = load.goBackTo(then)
  await scene.database.putCopyBack()
  await scene.database.start()
  return gone
}

async function lastOutboxId(): Promise<number> {
  const [row] = await scene.rows<{ id: number }>(
    `select pg_sequence_last_value(pg_get_serial_sequence('outbox', 'id'))::float8 as id`,
  )
  return row?.id ?? 0
}

interface LostMessages {
  /** The outbox ids that they name: greater than the one, up to the other. */
  afterId: number
  lastId: number
  /** Which they are about. */
  tweet: number
}

/** Messages of the lost history that were still in the queue, and are consumed when this resolves. */
async function sendLost({ author }: Crowd, lost: LostMessages): Promise<void> {
  const { afterId, lastId, tweet } = lost
  const event = { type: 'tweet_published', v: 1, tweet_id: tweet, author_id: author.id } as const
  const ids = Array.from({ length: lastId - afterId }, (_, index) => afterId + 1 + index)
  await scene.sendFanOut(ids.map((outbox_id) => ({ epoch: LOST_EPOCH, outbox_id, event })))
  const [last] = await scene.rows<{ id: number }>(
    `insert into outbox (queue, message, next_attempt_at, dead_at) values ('fan-out', '{}', now(), now())
     returning id::float8 as id`,
  )
  await scene.sendFanOut([{ outbox_id: last?.id ?? 0, event }])
  const isConsumed = async () =>
    (await scene.rows('select from outbox where id = $1', [last?.id])).length === 0
  expect(await until(isConsumed, { withinMs: STEP_WITHIN_MS })).toBe(true)
}

it(
  'Postgres is restored to an earlier moment under load: with a raised epoch nothing is shown that is gone, and all that is there',
  async () => {
    const crowd = await addCrowd(scene.stack, FOLLOWERS)
    const { followers } = crowd
    await scene.homesOf(followers.slice(LATE))
    const load = await scene.loadOf(crowd)
    let gone: number[] = []

    await underLoad(load, async () => {
      const then = await takeCopy(load)
      const lastIdThen = await lastOutboxId()
      await untilPosted(load, load.settled + 40)
      await scene.homesOf(followers.slice(0, LATE))
      const newcomer = await register(scene.stack)
      const builds = await buildsOf(scene, crowd)
      expect(builds.size).toBe(FOLLOWERS)

      const lastIdLost = await lastOutboxId()
      gone = await restore(load, then)
      await untilPosted(load, load.settled + 5)
      await scene.kill()
      await scene.startAgain({ DATABASE_EPOCH: String(LOST_EPOCH + 1) })
      // What is owed to it keeps its outbox rows, which messages of the lost history must not take for theirs.
      await scene.setFaults({ broken: [String(followers[0]?.id)] })
      const { status } = await api(scene.stack, 'GET', '/timeline/home', { token: newcomer.token })
      expect(status).toBe(401)
      await scene.homesOf(followers)
      for (const [reader, build] of await buildsOf(scene, crowd)) {
        expect(build).toBeGreaterThan(builds.get(reader) ?? 0)
      }

      await untilPosted(load, load.settled + 10)
      await sendLost(crowd, { afterId: lastIdThen, lastId: lastIdLost, tweet: gone.at(-1) ?? 0 })
      await scene.setFaults({})
    })
    await expectIntact(scene, crowd, load)

    const there = await scene.rows('select from tweets where id = any($1)', [gone])
    expect(gone.length - there.length).toBeGreaterThan(20)
  },
  TIMEOUT_MS,
)
