import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { closeEndedPolls, insertVote } from '../../src/db/statements/polls.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { closePolls } from '../../src/services/close-polls.ts'
import { addPoll } from './harness/engagement.ts'
import { type NotificationScene, openScene } from './harness/notification-scene.ts'

const MINUTE_MS = 60_000

let scene: NotificationScene

beforeAll(async () => {
  scene = await openScene()
})

afterAll(() => scene.stop())
afterEach(async () => {
  await scene.database.pool.query('delete from outbox')
  await scene.database.pool.query('delete from polls')
  scene.told.timelines.clear()
  scene.told.sent.length = 0
})

/** A poll that was voted in and has just ended. */
async function endedPoll(voters: number): Promise<{ author: UserId; poll: TweetId; voters: UserId[] }> {
  const author = await scene.people.addUser()
  const poll = await addPoll(scene.database.pool, author)
  const people = await scene.people.addUsers(voters)
  for (const voter of people) await insertVote(scene.db, voter, poll, 0)
  await end(poll)
  await scene.database.pool.query('delete from outbox')
  return { author, poll, voters: people }
}

const end = (poll: TweetId) =>
  scene.database.pool.query(`update polls set ends_at = now() - interval '1 second' where tweet_id = $1`, [
    poll,
  ])

async function closed(): Promise<number | null> {
  return (await scene.database.pool.query('select from polls where closed_at is not null')).rowCount
}

describe('a poll that has ended', () => {
  it('is closed once, and its voters and its author are told', async () => {
    const { author, poll, voters } = await endedPoll(3)
    await scene.warm(author, ...voters)
    expect(await closePolls(scene.deps)).toBe(1)
    expect(scene.told.sent).toHaveLength(1)
    await scene.settle()
    for (const person of [author, ...voters]) {
      expect(await scene.inboxOf(person)).toEqual([['poll', author, poll]])
      expect(scene.newsTo(person)).toHaveLength(1)
    }
    expect(await closePolls(scene.deps)).toBe(0)
    expect(await scene.owed()).toEqual([])
  })

  it('tells its author once, even one who voted', async () => {
    const { author, poll } = await endedPoll(0)
    await scene.database.pool.query(
      'insert into poll_votes (tweet_id, user_id, position) values ($1, $2, 1)',
      [poll, author],
    )
    await closePolls(scene.deps)
    await scene.settle()
    expect(await scene.inboxOf(author)).toEqual([['poll', author, poll]])
    expect(await scene.unreadOf(author)).toBe(1)
  })

  it('tells its author, if nobody voted', async () => {
    const { author, poll } = await endedPoll(0)
    await closePolls(scene.deps)
    await scene.settle()
    expect(await scene.inboxOf(author)).toEqual([['poll', author, poll]])
  })

  it('is closed in silence when its tweet was deleted', async () => {
    const { author, poll, voters } = await endedPoll(2)
    await scene.remove(author, poll)
    await scene.settle()
    expect(await closePolls(scene.deps)).toBe(1)
    expect(await scene.owed()).toEqual([])
    for (const person of [author, ...voters]) expect(await scene.inboxOf(person)).toEqual([])
  })

  it('tells nobody when its tweet is deleted before they are', async () => {
    const { author, poll, voters } = await endedPoll(2)
    await closePolls(scene.deps)
    await scene.remove(author, poll)
    await scene.settle()
    for (const person of [author, ...voters]) expect(await scene.inboxOf(person)).toEqual([])
  })

  it('tells hundreds of voters, part by part', async () => {
    const { author, poll, voters } = await endedPoll(0)
    voters.push(...(await scene.people.addUsers(250)))
    await scene.database.pool.query(
      'insert into poll_votes (tweet_id, user_id, position) select $1, unnest($2::bigint[]), 0',
      [poll, voters],
    )
    await closePolls(scene.deps)
    await scene.settle()
    const { rows } = await scene.database.pool.query<{ id: UserId }>(
      `select user_id::float8 as id from notifications where type = 'poll' and tweet_id = $1 order by user_id`,
      [poll],
    )
    expect(rows.map(({ id }) => id)).toEqual([author, ...voters].toSorted((a, b) => a - b))
  })
})

describe('a poll that is open', () => {
  it('stays so', async () => {
    const author = await scene.people.addUser()
    await addPoll(scene.database.pool, author, ['yes', 'no'], Date.now() + MINUTE_MS)
    expect(await closePolls(scene.deps)).toBe(0)
    expect(await closed()).toBe(0)
  })
})

describe('two runs at once', () => {
  it('close each poll once, and owe the news of it once', async () => {
    const authors = await scene.people.addUsers(40)
    const polls = await Promise.all(authors.map((author) => addPoll(scene.database.pool, author)))
    for (const poll of polls) await end(poll)
    const runs = await Promise.all(Array.from({ length: 6 }, () => closeEndedPolls(scene.db, 10)))
    expect(runs.reduce((sum, { polls }) => sum + polls, 0)).toBe(40)
    const about = runs.flatMap(({ outbox }) => outbox.map(({ message }) => Object(message).tweet_id))
    expect(about.toSorted((a, b) => a - b)).toEqual(polls.toSorted((a, b) => a - b))
    expect(await closed()).toBe(40)
  })

  it('go on until none is left, though the queue takes nothing', async () => {
    const [author] = await scene.people.addUsers(1)
    const polls = await Promise.all(
      Array.from({ length: 130 }, () => addPoll(scene.database.pool, author as UserId)),
    )
    for (const poll of polls) await end(poll)
    const sendOutbox = () => Promise.reject(new Error('The queue is full'))
    const deps = { ...scene.deps, queues: { ...scene.deps.queues, sendOutbox } }
    expect(await closePolls(deps)).toBe(130)
    expect(await scene.owed()).toHaveLength(130)
  })
})
