import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { until } from '../../tools/stack/until.ts'
import { relayNow } from '../node/harness/owed.ts'
import { showWarningsOnFailure } from '../node/harness/warnings.ts'
import { buildsOf, expectIntact } from './harness/intact.ts'
import { SCENE_TIMEOUT_MS, Scene } from './harness/scene.ts'

const KILLS = 10
const FOLLOWERS = 200
const POSTS_PER_KILL = 15
/** Ten times what it takes on two cores that nobody else uses. */
const TIMEOUT_MS = 600_000
const ROUND_WITHIN_MS = 120_000

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start()
}, SCENE_TIMEOUT_MS)

afterAll(() => scene.clear())
showWarningsOnFailure(() => scene.stack)

/** Sends again what is owed, in every second round: the next kill may come in the middle of it. */
function relayMaybe(): void {
  if (scene.random.next() < 0.5) relayNow(scene.stack).catch(() => {})
}

async function owedNow(): Promise<number> {
  return (await scene.rows('select from outbox')).length
}

it(
  `the runtime is killed with -9 ${KILLS} times during ${KILLS * POSTS_PER_KILL} posts to ${FOLLOWERS} followers: nothing is lost or doubled`,
  async () => {
    const crowd = await scene.addWarmCrowd(FOLLOWERS)
    const builds = await buildsOf(scene, crowd)
    const load = await scene.loadOf(crowd)
    const posting = load.post(KILLS * POSTS_PER_KILL)
    posting.catch(() => load.abandon())
    let killedInTheMiddle = 0

    for (let kill = 1; kill <= KILLS; kill++) {
      const posted = kill * POSTS_PER_KILL - scene.random.between(2, POSTS_PER_KILL - 2)
      const reached = until(() => load.settled >= posted, { withinMs: ROUND_WITHIN_MS, everyMs: 1 })
      expect(await Promise.race([reached, posting.then(() => true)])).toBe(true)
      await sleep(scene.random.between(0, 150))
      await scene.kill()
      if ((await owedNow()) > 0) killedInTheMiddle++
      await scene.startAgain()
      relayMaybe()
    }
    await posting
    expect(killedInTheMiddle).toBeGreaterThan(0)

    await expectIntact(scene, crowd, load)
    // They were told, and have not found the tweets by building anew.
    expect(await buildsOf(scene, crowd)).toEqual(builds)
  },
  TIMEOUT_MS,
)
