import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TweetId } from '../../../src/domain/ids.ts'
import { withClient } from '../../../tools/stack/databases.ts'
import { api, done, homeOf, type Person, post, register } from '../harness/client.ts'
import { addCrowd, type Crowd } from '../harness/crowd.ts'
import { inboxOf, messagesWith, shownBy } from '../harness/inbox.ts'
import { isAbout, type LiveSocket, openSocket, tweetsIn } from '../harness/live-socket.ts'
import { databaseUrlOf, owedBy, relayNow, untilSettled } from '../harness/owed.ts'
import { killStack, newPlace, type Stack, spawnStack, untilReady } from '../harness/stack.ts'
import { showWarningsOnFailure } from '../harness/warnings.ts'
import { WRONG_NOTIFICATIONS_AMONG } from '../harness/wrong-notifications-among.ts'

const STACK_ENV = { RATE_LIMITS: 'off' }
/** For a stack's start on a busy machine. */
const START_TIMEOUT_MS = 90_000
/** Ten times what it takes on two cores that nobody else uses. */
const FAN_OUT_TIMEOUT_MS = 600_000
const READS_IN_FLIGHT = 32
/** Followers who are asked how far the fan-out had come. */
const SAMPLE = 50
/** How often another kill is tried when one came too early or too late to be in the middle. */
const ROUNDS_MAX = 5

let stack: Stack

beforeAll(async () => {
  stack = await untilReady(spawnStack(await newPlace(), STACK_ENV))
}, START_TIMEOUT_MS)

afterAll(() => stack.place.clear())
showWarningsOnFailure(() => stack)

async function startAgain() {
  stack = await untilReady(spawnStack(stack.place, STACK_ENV))
}

/** What stands on each reader's home timeline. The first read of one makes it warm. */
async function homesOf(readers: readonly Person[]): Promise<number[][]> {
  const homes: number[][] = []
  const queue = readers.entries()
  const reader = async () => {
    for (const [index, person] of queue) homes[index] = await homeOf(stack, person)
  }
  await Promise.all(Array.from({ length: READS_IN_FLIGHT }, reader))
  return homes
}

/** A follower who watches from before the kill and comes back after it. */
interface Watcher {
  person: Person
  before: LiveSocket
}

async function watch(person: Person | undefined): Promise<Watcher> {
  if (person === undefined) throw new Error('The crowd is smaller than that')
  return { person, before: await openSocket(stack, person) }
}

/** All that a watcher was shown, before the kill and after coming back. */
async function shownTo({ person, before }: Watcher): Promise<number[]> {
  const after = await openSocket(stack, person, before.lastSeq())
  await after.close()
  return tweetsIn([...before.frames, ...after.frames])
}

interface Kill {
  tweet: TweetId
  /** How many of the sampled followers had the tweet when the runtime was killed. */
  reached: number
  owed: string[]
}

/** Posts a tweet, kills everything as soon as the witness sees it, starts again and looks what there is. */
async function killDuring({ author, followers }: Crowd, witness: LiveSocket): Promise<Kill> {
  const tweet = await post(stack, author)
  await witness.find(isAbout('tweet', tweet))
  await killStack(stack)
  await startAgain()
  const owed = await owedBy(stack)
  const sampled = followers.filter((_, index) => index % (followers.length / SAMPLE) === 0)
  const homes = await homesOf(sampled)
  return { tweet, owed, reached: homes.filter((home) => home.includes(tweet)).length }
}

/** Kills the runtime in the middle of a fan-out of the crowd's author. After each kill, nothing is lost or doubled. */
async function expectExactlyOnce(crowd: Crowd, owedInTheMiddle: string): Promise<void> {
  const { followers } = crowd
  const posted: TweetId[] = []
  const kills: string[] = []
  for (let round = 1; round <= ROUNDS_MAX; round++) {
    const early = await watch(followers[Math.floor(followers.length / (2 + 2 * round))])
    const late = await watch(followers.at(-1))
    const { tweet, reached, owed } = await killDuring(crowd, early.before)
    posted.unshift(tweet)
    kills.push(`${reached} of ${SAMPLE} had the tweet, and owed was ${owed}`)

    await relayNow(stack)
    await untilSettled(stack)
    const wrong = (await homesOf(followers)).filter((home) => !isDeepStrictEqual(home, posted))
    expect(wrong).toEqual([])
    expect(await shownTo(early)).toEqual([tweet])
    expect(await shownTo(late)).toEqual([tweet])
    if (reached > 0 && reached < SAMPLE && owed.includes(owedInTheMiddle)) return
  }
  expect.fail(`No kill came in the middle: ${kills.join('; ')}`)
}

describe('killed with -9 in the middle of a fan-out and started again', () => {
  it.each([
    { count: 500, owedInTheMiddle: 'tweet_published' },
    { count: 1000, owedInTheMiddle: 'fan_out_chunk' },
  ])(
    'each of $count followers has the tweet exactly once, and nothing is owed',
    async ({ count, owedInTheMiddle }) => {
      const crowd = await addCrowd(stack, count)
      expect(await homesOf(crowd.followers)).toEqual(crowd.followers.map(() => []))
      await expectExactlyOnce(crowd, owedInTheMiddle)
    },
    FAN_OUT_TIMEOUT_MS,
  )
})

describe('killed with -9 as soon as writes are acknowledged', () => {
  it(
    'tells what they owe when it is started again, once: each is listed, counted and shown to who resumes',
    async () => {
      const { author, followers } = await addCrowd(stack, 1)
      const [reader] = followers
      if (reader === undefined) throw new Error('Nobody follows')
      const tweet = await post(stack, author)
      const before = await openSocket(stack, author)
      const acts = [`/tweets/${tweet}/like`, `/tweets/${tweet}/retweet`].map((path) =>
        done(stack, 'POST', path, { token: reader.token }),
      )
      const writing = done(stack, 'POST', `/messages/${author.id}`, {
        token: reader.token,
        body: { content: 'Well said' },
      })
      await Promise.all([...acts, writing])
      await killStack(stack)

      await startAgain()
      await relayNow(stack)
      await untilSettled(stack)
      const after = await openSocket(stack, author, before.lastSeq())
      const { unread, notifications } = await inboxOf(stack, author)
      expect(notifications.map(({ type }) => type).toSorted()).toEqual(['like', 'retweet'])
      expect(unread).toBe(2)
      expect(shownBy([...before.frames, ...after.frames])).toEqual({
        wasReset: false,
        unread,
        notifications: notifications.map(({ id }) => id).toSorted((a, b) => a - b),
        messages: await messagesWith(stack, author, reader),
        repeats: [],
      })
      const wrong = { text: WRONG_NOTIFICATIONS_AMONG, values: [[author.id, reader.id]] }
      const { rows } = await withClient(await databaseUrlOf(stack), (client) => client.query(wrong))
      expect(rows).toEqual([])
    },
    START_TIMEOUT_MS,
  )

  it(
    'has them when it is started again, and does what they owe',
    async () => {
      const [author, reader] = [await register(stack), await register(stack)]
      expect(await homeOf(stack, reader)).toEqual([])
      await done(stack, 'POST', `/users/${author.id}/follow`, { token: reader.token })
      const tweet = await post(stack, author)
      await killStack(stack)

      await startAgain()
      expect((await api(stack, 'GET', `/tweets/${tweet}`)).status).toBe(200)
      await relayNow(stack)
      await untilSettled(stack)
      expect(await homeOf(stack, reader)).toEqual([tweet])
      expect(await done(stack, 'GET', `/users/${author.id}`, { token: reader.token })).toMatchObject({
        follower_count: 1,
        tweet_count: 1,
        relationship: { is_following: true },
      })
    },
    START_TIMEOUT_MS,
  )
})
