import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CLOSE_SIGNED_OUT } from '../../../src/contracts/timeline.ts'
import { withClient } from '../../../tools/stack/databases.ts'
import { api, done, homeOf, type Person, post, register, signIn } from '../harness/client.ts'
import { isAbout, type LiveSocket, openSocket, tweetsIn } from '../harness/live-socket.ts'
import { databaseUrlOf, untilSettled } from '../harness/owed.ts'
import { newPlace, type Stack, spawnStack, untilReady } from '../harness/stack.ts'
import { showWarningsOnFailure } from '../harness/warnings.ts'

const START_TIMEOUT_MS = 90_000
const TIMED_POSTS = 50

let stack: Stack

beforeAll(async () => {
  stack = await untilReady(spawnStack(await newPlace(), { RATE_LIMITS: 'off' }))
}, START_TIMEOUT_MS)

afterAll(() => stack.place.clear())
showWarningsOnFailure(() => stack)

interface Pair {
  author: Person
  reader: Person
  /** The reader's. */
  socket: LiveSocket
}

/** Two strangers, of whom one follows the other and watches. */
async function followedPair(): Promise<Pair> {
  const [author, reader] = [await register(stack), await register(stack)]
  await follow(reader, author)
  return { author, reader, socket: await openSocket(stack, reader) }
}

function follow(reader: Person, author: Person): Promise<unknown> {
  return done(stack, 'POST', `/users/${author.id}/follow`, { token: reader.token })
}

/** Of the reader's timeline: another after each build. */
async function epochOf({ id }: Person): Promise<unknown> {
  const query = { text: 'select epoch from timelines where user_id = $1', values: [id] }
  const { rows } = await withClient(await databaseUrlOf(stack), (client) => client.query(query))
  return rows
}

describe('a tweet', () => {
  it('reaches a follower’s socket and home timeline, and then nothing is owed', async () => {
    const { author, reader, socket } = await followedPair()
    const built = await epochOf(reader)
    const tweet = await post(stack, author, 'First light over the reeds #birds')
    expect(await homeOf(stack, author)).toEqual([tweet])
    expect(await socket.find(isAbout('tweet', tweet))).toMatchObject({
      data: { content: 'First light over the reeds #birds', user: { username: author.username } },
    })
    expect(await homeOf(stack, reader)).toEqual([tweet])
    // It was brought by the queue, and not found by building the timeline anew.
    expect(await epochOf(reader)).toEqual(built)

    await untilSettled(stack)
    const profile = await done(stack, 'GET', `/users/${author.id}`)
    expect(profile).toMatchObject({ tweet_count: 1, follower_count: 1, following_count: 0 })
    expect(tweetsIn(socket.frames)).toEqual([tweet])
  })

  it('is taken back from the socket and the home timeline when it is deleted', async () => {
    const { author, reader, socket } = await followedPair()
    const [kept, deleted] = [await post(stack, author), await post(stack, author)]
    await socket.find(isAbout('tweet', deleted))
    await done(stack, 'DELETE', `/tweets/${deleted}`, { token: author.token })
    await socket.find(isAbout('tweet_deleted', deleted))
    expect(await homeOf(stack, reader)).toEqual([kept])
    expect((await api(stack, 'GET', `/tweets/${deleted}`)).status).toBe(404)

    await untilSettled(stack)
    expect(await done(stack, 'GET', `/users/${author.id}`)).toMatchObject({ tweet_count: 1 })
  })

  it('is not there on the next read after an unfollow, and is again after a follow', async () => {
    const { author, reader, socket } = await followedPair()
    const tweet = await post(stack, author)
    await socket.find(isAbout('tweet', tweet))
    await done(stack, 'DELETE', `/users/${author.id}/follow`, { token: reader.token })
    expect(await homeOf(stack, reader)).toEqual([])

    const unheard = await post(stack, author)
    await untilSettled(stack)
    expect(tweetsIn(socket.frames)).toEqual([tweet])
    await follow(reader, author)
    expect(await homeOf(stack, reader)).toEqual([unheard, tweet])
  })
})

describe('a socket', () => {
  it('resumes after a reconnect with what the reader’s other device was shown meanwhile', async () => {
    const { author, reader, socket } = await followedPair()
    const other = await openSocket(stack, reader)
    const seen = await post(stack, author)
    const { seq: since } = await socket.find(isAbout('tweet', seen))
    await other.find(isAbout('tweet', seen))
    await socket.close()
    const shownBefore = other.frames.length
    for (let n = 0; n < 2; n++) await other.find(isAbout('tweet', await post(stack, author)))
    await done(stack, 'DELETE', `/tweets/${seen}`, { token: author.token })
    await other.find(isAbout('tweet_deleted', seen))

    const resumed = await openSocket(stack, reader, since)
    const types = ['tweet', 'tweet', 'tweet_deleted']
    expect(resumed.frames.map(({ type }) => type)).toEqual([...types, 'ready'])
    expect(resumed.frames.slice(0, -1)).toMatchObject(
      other.frames.slice(shownBefore).map(({ type, seq, data }) => ({ type, seq, data })),
    )
    await resumed.find(isAbout('tweet', await post(stack, author)))
  })

  it('is closed with 4001 when its session signs out, and those of other sessions are not', async () => {
    const { author, reader, socket } = await followedPair()
    const elsewhere = await openSocket(stack, await signIn(stack, reader))
    await done(stack, 'POST', '/auth/logout', { token: reader.token, body: {} })
    expect(await socket.closed).toBe(CLOSE_SIGNED_OUT)
    await elsewhere.find(isAbout('tweet', await post(stack, author)))
  })
})

it(`prints the time from post to socket over ${TIMED_POSTS} tweets`, async () => {
  const { author, socket } = await followedPair()
  const times: number[] = []
  for (let n = 0; n < TIMED_POSTS; n++) {
    const start = performance.now()
    const shown = post(stack, author, `Tweet ${n}`).then((tweet) => socket.find(isAbout('tweet', tweet)))
    times.push((await shown).atMs - start)
  }
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.ceil(share * times.length) - 1]?.toFixed(0)
  process.stdout.write(
    `From post to socket over ${TIMED_POSTS} tweets: median ${at(0.5)} ms, p99 ${at(0.99)} ms\n`,
  )
  expect(tweetsIn(socket.frames)).toHaveLength(TIMED_POSTS)
})
