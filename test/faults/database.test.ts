import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Faults } from '../../tools/stack/neon-faults.ts'
import { until } from '../../tools/stack/until.ts'
import { api, register } from '../node/harness/client.ts'
import { addCrowd, type Crowd } from '../node/harness/crowd.ts'
import { showWarningsOnFailure } from '../node/harness/warnings.ts'
import { buildsOf, expectIntact } from './harness/intact.ts'
import type { Load } from './harness/load.ts'
import { SCENE_TIMEOUT_MS, Scene } from './harness/scene.ts'

const FOLLOWERS = 50
/** Ten times what it takes on two cores that nobody else uses. */
const TIMEOUT_MS = 300_000
const STEP_WITHIN_MS = 60_000
/** For as long as the test lasts. */
const ALL = 1_000_000

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start()
}, SCENE_TIMEOUT_MS)

afterEach(() => scene.database.endpoint.setFaults({}))
afterAll(() => scene.clear())
showWarningsOnFailure(() => scene.stack)

/** Posts while `meanwhile` goes on, and some twenty tweets before and after it. */
async function underLoad(load: Load, meanwhile: () => Promise<unknown>): Promise<void> {
  let over = false
  const posting = load.postUntil(() => over)
  const more = () => untilPosted(load, load.settled + 20)
  try {
    await Promise.race([posting, more().then(meanwhile).then(more)])
  } finally {
    over = true
    await posting
  }
}

async function untilPosted(load: Load, count: number): Promise<void> {
  expect(await until(() => load.settled >= count, { withinMs: STEP_WITHIN_MS })).toBe(true)
}

/** The statuses of reading each follower's first page. */
async function statusesOfHomes({ followers }: Crowd): Promise<number[]> {
  const statuses = new Set<number>()
  for (const { token } of followers) {
    statuses.add((await api(scene.stack, 'GET', '/timeline/home', { token })).status)
  }
  return [...statuses]
}

/** That whoever was refused was told that it is for now, and when to come again. */
function expectExcused({ refusals }: Load): void {
  expect(refusals.filter(({ status, retryAfter }) => status !== 503 || retryAfter === null)).toEqual([])
}

describe('the database endpoint', () => {
  const faults: [what: string, faults: Faults][] = [
    ['executes slowly', { delayMs: 300, every: 2 }],
    ['answers slowly', { delayAnswerMs: 300, every: 2 }],
    ['cuts connections before it executes', { dropBefore: ALL, every: 3 }],
    ['cuts connections in the middle of the answer', { cutAnswer: ALL, every: 3 }],
    ['loses answers after the commit', { dropAfterCommit: ALL, every: 3 }],
    ['loses every answer to a post after the commit', { dropAfterCommit: ALL, match: 'insert into tweets' }],
    ['refuses everything', { refuse: true }],
  ]

  it.each(faults)(
    '%s: nothing is lost or doubled, and warm timelines are served meanwhile',
    async (_, fault) => {
      const crowd = await scene.addWarmCrowd(FOLLOWERS)
      const builds = await buildsOf(scene, crowd)
      const load = scene.loadOf(crowd)
      await underLoad(load, async () => {
        scene.database.endpoint.setFaults(fault)
        const enough = load.asked.length + 20
        const isEnough = () => load.asked.length >= enough
        const [statuses] = await Promise.all([
          statusesOfHomes(crowd),
          sleep(1_000),
          until(isEnough, { withinMs: 3_000 }),
        ])
        expect(statuses).toEqual([200])
        scene.database.endpoint.setFaults({})
      })
      await expectIntact(scene, crowd, load)
      expectExcused(load)
      expect(await buildsOf(scene, crowd)).toEqual(builds)
    },
    TIMEOUT_MS,
  )
})

describe('Postgres', () => {
  it.each(['stop', 'crash'] as const)(
    'goes away by a %s under load and comes back: nothing is lost or doubled, and warm timelines are served meanwhile',
    async (goAway) => {
      const crowd = await scene.addWarmCrowd(FOLLOWERS)
      const builds = await buildsOf(scene, crowd)
      const load = scene.loadOf(crowd)
      await underLoad(load, async () => {
        await scene.database[goAway]()
        await load.untilRefused()
        expect(await statusesOfHomes(crowd)).toEqual([200])
        await scene.database.start()
      })
      await expectIntact(scene, crowd, load)
      expectExcused(load)
      expect(await buildsOf(scene, crowd)).toEqual(builds)
    },
    TIMEOUT_MS,
  )

  it(
    'is restored to an earlier moment under load: with a raised epoch nothing is shown that is gone, and all that is there',
    async () => {
      const crowd = await addCrowd(scene.stack, FOLLOWERS)
      const [late, early] = [crowd.followers.slice(0, 10), crowd.followers.slice(10)]
      await scene.homesOf(early)
      const load = scene.loadOf(crowd)
      let gone: number[] = []
      await underLoad(load, async () => {
        await scene.database.stop()
        await load.untilRefused()
        const copied = load.acknowledged()
        await scene.database.takeCopy()
        await scene.database.start()

        await untilPosted(load, load.settled + 40)
        await scene.homesOf(late)
        const newcomer = await register(scene.stack)
        const builds = await buildsOf(scene, crowd)
        expect(builds.size).toBe(FOLLOWERS)

        await scene.database.stop()
        await load.untilRefused()
        gone = load.goBackTo(copied)
        await scene.database.putCopyBack()
        await scene.database.start()
        await untilPosted(load, load.settled + 5)
        await scene.kill()
        await scene.startAgain({ DATABASE_EPOCH: String(2) })
        const { token } = newcomer
        expect((await api(scene.stack, 'GET', '/timeline/home', { token })).status).toBe(401)
        await scene.homesOf(crowd.followers)
        for (const [reader, build] of await buildsOf(scene, crowd)) {
          expect(build).toBeGreaterThan(builds.get(reader) ?? 0)
        }
      })
      await expectIntact(scene, crowd, load)
      const there = await scene.rows<{ id: number }>(
        'select id::float8 as id from tweets where id = any($1)',
        [gone],
      )
      expect(gone.length - there.length).toBeGreaterThan(20)
    },
    TIMEOUT_MS,
  )
})
