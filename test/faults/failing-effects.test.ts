import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { until } from '../../tools/stack/until.ts'
import { done, homeOf } from '../node/harness/client.ts'
import { relayNow, untilSettled } from '../node/harness/owed.ts'
import { showWarningsOnFailure } from '../node/harness/warnings.ts'
import { buildsOf, expectIntact } from './harness/intact.ts'
import { SCENE_TIMEOUT_MS, Scene } from './harness/scene.ts'

const FOLLOWERS = 100
const POSTS = 30
/** Ten times what it takes on two cores that nobody else uses. */
const TIMEOUT_MS = 300_000
const STEP_WITHIN_MS = 120_000

let scene: Scene

beforeAll(async () => {
  scene = await Scene.startFaulty()
}, SCENE_TIMEOUT_MS)

afterEach(() => scene.setFaults({}))
afterAll(() => scene.clear())
showWarningsOnFailure(() => scene.stack)

it(
  'queue consumers fail every third time, before and after their work: nothing is lost or doubled',
  async () => {
    const crowd = await scene.addWarmCrowd(FOLLOWERS)
    const builds = await buildsOf(scene, crowd)
    const load = await scene.loadOf(crowd)
    await scene.setFaults({ batchesEvery: 3 })
    await load.post(POSTS)
    await expectIntact(scene, crowd, load)
    expect(load.refusals).toEqual([])
    expect(await buildsOf(scene, crowd)).toEqual(builds)
  },
  TIMEOUT_MS,
)

it(
  'timeline objects fail every third time, before and after they have stored: nothing is lost or doubled',
  async () => {
    const crowd = await scene.addWarmCrowd(FOLLOWERS)
    const builds = await buildsOf(scene, crowd)
    const load = await scene.loadOf(crowd)
    const flaky = [crowd.author, crowd.followers[0], crowd.followers[FOLLOWERS / 2], crowd.followers.at(-1)]
    await scene.setFaults({ flaky: flaky.map((person) => String(person?.id)) })
    await load.post(POSTS)
    await expectIntact(scene, crowd, load)
    expect(load.refusals).toEqual([])
    expect(await buildsOf(scene, crowd)).toEqual(builds)
  },
  TIMEOUT_MS,
)

it(
  'a timeline object fails until it is mended: the others have each tweet meanwhile, and it then has each once',
  async () => {
    const crowd = await scene.addWarmCrowd(FOLLOWERS)
    const builds = await buildsOf(scene, crowd)
    const load = await scene.loadOf(crowd)
    const [broken, other] = crowd.followers
    if (broken === undefined || other === undefined) throw new Error('The crowd is smaller than that')
    await scene.setFaults({ broken: [String(broken.id)] })
    await load.post(5)
    const posted = load.asked
      .flatMap(({ id, deleted }) => (deleted ? [] : (id ?? [])))
      .toSorted((a, b) => b - a)
    const reached = async () => (await homeOf(scene.stack, other)).length === posted.length
    expect(await until(reached, { withinMs: STEP_WITHIN_MS })).toBe(true)
    expect(await homeOf(scene.stack, broken)).toEqual([])
    const owed = await scene.rows(`select from outbox where (message ->> 'tweet_id')::bigint = any($1)`, [
      posted,
    ])
    expect(owed.length).toBeGreaterThan(0)

    await scene.setFaults({})
    await expectIntact(scene, crowd, load)
    expect(await buildsOf(scene, crowd)).toEqual(builds)
  },
  TIMEOUT_MS,
)

it(
  'queues deliver all twice and in disorder, and the relay sends it again and again meanwhile: nothing is lost or doubled',
  async () => {
    const crowd = await scene.addWarmCrowd(FOLLOWERS)
    const builds = await buildsOf(scene, crowd)
    const load = await scene.loadOf(crowd)
    await scene.setFaults({ twice: true })
    let over = false
    const relaying = async () => {
      while (!over) await relayNow(scene.stack)
    }
    const posting = load.post(POSTS).finally(() => {
      over = true
    })
    await Promise.all([posting, relaying(), relaying()])
    await expectIntact(scene, crowd, load)
    expect(load.refusals).toEqual([])
    expect(await buildsOf(scene, crowd)).toEqual(builds)
  },
  TIMEOUT_MS,
)

it(
  'the search Worker fails every third time, before and after it has written: all is found, and nothing that is gone',
  async () => {
    const { author } = await scene.addWarmCrowd(1)
    const word = `w${crypto.randomUUID().slice(0, 8)}`
    // The demo community is indexed first.
    await untilSettled(scene.stack)
    await scene.setFaults({ searchEvery: 3 })
    const ids: number[] = []
    for (let n = 0; n < POSTS; n++) {
      const content = `${word} ${n}`
      ids.push(
        Object(await done(scene.stack, 'POST', '/tweets', { token: author.token, body: { content } })).id,
      )
    }
    const gone = ids.splice(0, 5)
    for (const id of gone) await done(scene.stack, 'DELETE', `/tweets/${id}`, { token: author.token })
    await untilSettled(scene.stack)
    const path = `/search/tweets?q=${word}&sort=latest&limit=100`
    const { tweets } = Object(await done(scene.stack, 'GET', path, { token: author.token }))
    expect(tweets.map(({ id }: { id: number }) => id)).toEqual(ids.toReversed())
  },
  TIMEOUT_MS,
)

it(
  'a message that nobody understands ends as a dead letter, and keeps nothing else',
  async () => {
    const crowd = await scene.addWarmCrowd(FOLLOWERS)
    const load = await scene.loadOf(crowd)
    await scene.setFaults({ batchesEvery: 3 })
    await scene.rows(
      `insert into outbox (queue, message, next_attempt_at) values ('fan-out', '{"type": "poison"}', now())`,
    )
    await Promise.all([load.post(10), relayNow(scene.stack)])
    const letters = () => scene.rows('select queue, message from dead_letters')
    expect(await until(async () => (await letters()).length > 0, { withinMs: STEP_WITHIN_MS })).toBe(true)
    expect(await letters()).toEqual([{ queue: 'fan-out', message: { type: 'poison' } }])

    await scene.rows(
      'with letters as (delete from dead_letters) delete from outbox where dead_at is not null',
    )
    await untilSettled(scene.stack)
    await expectIntact(scene, crowd, load)
  },
  TIMEOUT_MS,
)
