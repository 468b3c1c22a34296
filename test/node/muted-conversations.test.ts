import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import {
  deleteMutedConversation,
  insertMutedConversation,
} from '../../src/db/statements/muted-conversations.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn } from './harness/community.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const mute = (viewer: UserId, tweet: TweetId) => insertMutedConversation(db, viewer, tweet)
const unmute = (viewer: UserId, tweet: TweetId) => deleteMutedConversation(db, viewer, tweet)

async function mutedBy(user: UserId): Promise<number[]> {
  const { rows } = await database.pool.query<{ id: number }>(
    'select conversation_id::float8 as id from muted_conversations where user_id = $1',
    [user],
  )
  return rows.map(({ id }) => id)
}

async function scene(columns: Record<string, unknown> = {}) {
  const [viewer, author] = [await people.addUser(), await people.addUser(columns)]
  const root = await addTweet(database.pool, author)
  const reply = await addTweet(database.pool, author, { reply_to_id: root, conversation_id: root })
  return { viewer, author, root, reply }
}

describe('a conversation', () => {
  it('is muted by any of its tweets, once, and unmuted by any other', async () => {
    const { viewer, root, reply } = await scene()
    expect(await mute(viewer, reply)).toBe('done')
    expect(await mute(viewer, root)).toBe('done')
    expect(await mutedBy(viewer)).toEqual([root])
    expect(await unmute(viewer, root)).toBe('done')
    expect(await unmute(viewer, reply)).toBe('done')
    expect(await mutedBy(viewer)).toEqual([])
  })

  it('is muted once when that is asked for many times at once', async () => {
    const { viewer, root } = await scene()
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => mute(viewer, root)))
    expect(new Set(outcomes)).toEqual(new Set(['done']))
    expect(await mutedBy(viewer)).toEqual([root])
  })

  it('is muted for one person alone', async () => {
    const { viewer, author, root } = await scene()
    await mute(viewer, root)
    expect(await mutedBy(author)).toEqual([])
    expect(await unmute(author, root)).toBe('done')
    expect(await mutedBy(viewer)).toEqual([root])
  })

  it('costs one round trip', async () => {
    const { viewer, root } = await scene()
    expect(await roundTripsOf(database, () => mute(viewer, root))).toBe(1)
    expect(await roundTripsOf(database, () => unmute(viewer, root))).toBe(1)
  })

  it('that the viewer may not see cannot be muted', async () => {
    const { viewer, root } = await scene({ is_private: true })
    expect(await mute(viewer, root)).toBe('tweet_not_found')
    expect(await unmute(viewer, root)).toBe('tweet_not_found')
    expect(await mute(viewer, 1 as TweetId)).toBe('tweet_not_found')
    expect(await mutedBy(viewer)).toEqual([])
  })

  it('that the viewer may no longer see can be unmuted', async () => {
    const { viewer, author, root, reply } = await scene()
    await mute(viewer, root)
    await people.add('blocks', author, viewer)
    await database.pool.query('update tweets set is_deleted = true where id = $1', [reply])
    expect(await mute(viewer, reply)).toBe('tweet_not_found')
    expect(await unmute(viewer, reply)).toBe('done')
    expect(await mutedBy(viewer)).toEqual([])
    expect(await unmute(viewer, reply)).toBe('tweet_not_found')
  })

  it.each([
    ['is suspended', { suspended_at: new Date() }, 'suspended'],
    ['has left', { is_active: false }, 'unauthenticated'],
  ])('is not for one who %s', async (_what, columns, outcome) => {
    const { root } = await scene()
    const viewer = await people.addUser(columns)
    expect(await mute(viewer, root)).toBe(outcome)
    expect(await unmute(viewer, root)).toBe(outcome)
    expect(await mutedBy(viewer)).toEqual([])
  })
})
