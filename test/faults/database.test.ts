import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Faults } from '../../tools/stack/neon-faults.ts'
import { until } from '../../tools/stack/until.ts'
import { api } from '../node/harness/client.ts'
import type { Crowd } from '../node/harness/crowd.ts'
import { owedBy } from '../node/harness/owed.ts'
import { showWarningsOnFailure } from '../node/harness/warnings.ts'
import { buildsOf, expectIntact } from './harness/intact.ts'
import type { Load } from './harness/load.ts'
import { SCENE_TIMEOUT_MS, Scene } from './harness/scene.ts'
import { underLoad } from './harness/under-load.ts'

const FOLLOWERS = 50
/** Ten times what it takes on two cores that nobody else uses. */
const TIMEOUT_MS = 300_000
/** Longer than a consumer's first four tries; then the fifth, which comes without the relay. */
const OUTAGE_MS = 14_000
const TRIED_AGAIN_WITHIN_MS = 60_000
/** For as long as the test lasts. */
const ALL = 1_000_000

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start()
}, SCENE_TIMEOUT_MS)

afterEach(() => scene.database.endpoint.setFaults({}))
afterAll(() => scene.clear())
showWarningsOnFailure(() => scene.stack)

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
    ['executes slowly, and answers slowly', { delayMs: 200, delayAnswerMs: 200, every: 2 }],
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
      const load = await scene.loadOf(crowd)
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

  it(
    'refuses everything for a quarter of a minute: consumers go on trying, and nothing ends as a dead letter',
    async () => {
      const crowd = await scene.addWarmCrowd(FOLLOWERS)
      const load = await scene.loadOf(crowd)
      // What a deletion owes waits in its queue for a second: it is under way when the fault comes.
      await load.postAndDelete()
      scene.database.endpoint.setFaults({ refuse: true })
      await sleep(OUTAGE_MS)
      scene.database.endpoint.setFaults({})
      const isDone = async () => (await owedBy(scene.stack)).length === 0
      expect(await until(isDone, { withinMs: TRIED_AGAIN_WITHIN_MS })).toBe(true)
      await expectIntact(scene, crowd, load)
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
      const load = await scene.loadOf(crowd)
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
})
