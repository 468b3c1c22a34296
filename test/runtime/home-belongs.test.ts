import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { type EntryId, MAX_ID, newTweetId, type TweetId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { runFanOut } from './consumers.ts'
import { rows } from './harness.ts'
import { readHome, warmAbove } from './homes.ts'
import { homeIds, insertFollowers, insertPeople, insertRetweets, insertTweets, timelineOf } from './people.ts'

interface World {
  reader: Viewer
  /** Who does what is asked about: the reader follows them. */
  actor: Viewer
  friend: Viewer
  stranger: Viewer
}

/** What the actor does: a tweet of theirs, or their retweet of another's. */
interface Done {
  id: number
  tweet: TweetId
  author: Viewer
}

let second = 0
function idOf(by: Viewer): TweetId {
  second += 1
  return newTweetId(Date.now() - 3_600_000 + second * 100, by.id, Math.random)
}

async function tweetBy(author: Viewer, replyTo?: TweetId): Promise<Done> {
  const id = idOf(author)
  await insertTweets([replyTo === undefined ? { id, author } : { id, author, replyTo }])
  return { id, tweet: id, author }
}

const replyTo = (target: keyof World) => async (world: World) =>
  tweetBy(world.actor, (await tweetBy(world[target])).tweet)

async function retweetOf({ actor }: World, { tweet, author }: Done): Promise<Done> {
  const id = idOf(actor)
  await insertRetweets([{ id: id as number as EntryId, by: actor, tweet }])
  return { id, tweet, author }
}

const retweets = (author: keyof World) => async (world: World) =>
  retweetOf(world, await tweetBy(world[author]))

const blocks = (blocker: keyof World, blocked: keyof World) => (world: World) =>
  rows(sql`insert into blocks (blocker_id, blocked_id) values (${world[blocker].id}, ${world[blocked].id})`)

const mutes =
  (muted: keyof World, days = 1) =>
  (world: World) =>
    rows(sql`
      insert into mutes (muter_id, muted_id, expires_at)
      values (${world.reader.id}, ${world[muted].id}, now() + make_interval(days => ${days}::int))`)

const isPrivate = (who: keyof World) => (world: World) =>
  rows(sql`update users set is_private = true where id = ${world[who].id}`)

const isSuspended = (who: keyof World) => (world: World) =>
  rows(sql`update users set suspended_at = now() where id = ${world[who].id}`)

const hidesRetweets = ({ reader, actor }: World) =>
  rows(sql`
    update follows set show_retweets = false
    where follower_id = ${reader.id} and following_id = ${actor.id}`)

interface Case {
  belongs: boolean
  does: (world: World) => Promise<Done>
  /** What holds before anything is read or told. */
  given?: (world: World) => Promise<unknown>
}

const CASES: Record<string, Case> = {
  'a tweet': { belongs: true, does: ({ actor }) => tweetBy(actor) },
  'a reply to somebody else whom the reader follows': { belongs: true, does: replyTo('friend') },
  'a reply to a stranger': { belongs: false, does: replyTo('stranger') },
  'a reply to the reader': { belongs: true, does: replyTo('reader') },
  'a reply to oneself': { belongs: true, does: replyTo('actor') },
  'a tweet by the muted': { belongs: false, does: ({ actor }) => tweetBy(actor), given: mutes('actor') },
  'a tweet by the no longer muted': {
    belongs: true,
    does: ({ actor }) => tweetBy(actor),
    given: mutes('actor', -1),
  },
  'a retweet of a followee': { belongs: true, does: retweets('friend') },
  'a retweet of a stranger': { belongs: true, does: retweets('stranger') },
  'a retweet of the reader': { belongs: true, does: retweets('reader') },
  'a retweet of a stranger’s reply': {
    belongs: true,
    does: async (world) => {
      const answered = await tweetBy(world.friend)
      return retweetOf(world, await tweetBy(world.stranger, answered.tweet))
    },
  },
  'a retweet by one whose retweets the reader hides': {
    belongs: false,
    does: retweets('stranger'),
    given: hidesRetweets,
  },
  'a tweet by one whose retweets the reader hides': {
    belongs: true,
    does: ({ actor }) => tweetBy(actor),
    given: hidesRetweets,
  },
  'a retweet of one whom the reader blocks': {
    belongs: false,
    does: retweets('stranger'),
    given: blocks('reader', 'stranger'),
  },
  'a retweet of one who blocks the reader': {
    belongs: false,
    does: retweets('stranger'),
    given: blocks('stranger', 'reader'),
  },
  'a retweet of the muted': { belongs: false, does: retweets('stranger'), given: mutes('stranger') },
  'a retweet by the muted': { belongs: false, does: retweets('stranger'), given: mutes('actor') },
  'a retweet by the blocked': {
    belongs: false,
    does: retweets('stranger'),
    given: blocks('reader', 'actor'),
  },
  'a retweet of a private followee': { belongs: true, does: retweets('friend'), given: isPrivate('friend') },
  'a retweet of a private stranger': {
    belongs: false,
    does: retweets('stranger'),
    given: isPrivate('stranger'),
  },
  'a retweet of the suspended': {
    belongs: false,
    does: retweets('stranger'),
    given: isSuspended('stranger'),
  },
}

type Path = (world: World, one: Case) => Promise<{ done: Done; shown: readonly number[] }>

const follows = ({ reader, actor }: World) => insertFollowers([reader], actor)

/** The ways by which something comes to stand on a home timeline. */
const PATHS: Record<string, Path> = {
  'told by fan-out': async (world, { does, given }) => {
    await follows(world)
    await given?.(world)
    await homeIds(world.reader)
    const done = await does(world)
    await announce(world.actor, done)
    return { done, shown: await homeIds(world.reader) }
  },
  'pulled by a build': async (world, { does, given }) => {
    await follows(world)
    await given?.(world)
    const done = await does(world)
    return { done, shown: await homeIds(world.reader) }
  },
  'read with a follow': async (world, { does, given }) => {
    const done = await does(world)
    if (given !== hidesRetweets) await given?.(world)
    await homeIds(world.reader)
    await follows(world)
    if (given === hidesRetweets) await given(world)
    await timelineOf(world.reader).apply([{ type: 'follow', userId: world.actor.id, version: 1000 }])
    return { done, shown: await homeIds(world.reader) }
  },
  'read below what is kept': async (world, { does, given }) => {
    await follows(world)
    await given?.(world)
    const done = await does(world)
    await warmAbove(world.reader, MAX_ID - 1)
    const { tweets } = await readHome(world.reader)
    // Where the tweet stands through the actor: by the entry that shows it.
    const shown = tweets.flatMap(({ id, retweeted_by }) => {
      if (id !== done.tweet) return []
      return retweeted_by?.id === world.actor.id ? [done.id] : [id]
    })
    return { done, shown }
  },
}

async function announce(actor: Viewer, { id, tweet, author }: Done): Promise<void> {
  const event =
    id === tweet
      ? { type: 'tweet_published', v: 1, tweet_id: tweet, author_id: author.id }
      : {
          type: 'tweet_retweeted',
          v: 1,
          entry_id: id,
          tweet_id: tweet,
          author_id: author.id,
          retweeter_id: actor.id,
        }
  const [row] = await rows<{ id: number }>(sql`
    insert into outbox (queue, message, next_attempt_at)
    values ('fan-out', ${JSON.stringify(event)}::jsonb, now() + interval '1 hour')
    returning id::float8 as id`)
  expect(await runFanOut([{ outbox_id: row?.id, event }])).toMatchObject({ acked: [0] })
}

async function setWorld(): Promise<World> {
  const [reader, actor, friend, stranger] = await insertPeople(4)
  if (!reader || !actor || !friend || !stranger) throw new Error('Nobody was inserted')
  await insertFollowers([reader], friend)
  return { reader, actor, friend, stranger }
}

describe.each(Object.entries(CASES))('%s', (_name, one) => {
  it.each(Object.entries(PATHS))(
    `is on home as it should be, ${one.belongs ? 'there' : 'not there'}: %s`,
    async (_path, path) => {
      const { done, shown } = await path(await setWorld(), one)
      expect(shown.includes(done.id)).toBe(one.belongs)
    },
  )
})

describe('one’s own', () => {
  it.each(['told', 'pulled'])('reply to a stranger is on one’s home, %s', async (how) => {
    const { reader, stranger } = await setWorld()
    const answered = await tweetBy(stranger)
    if (how === 'told') await homeIds(reader)
    const reply = await tweetBy(reader, answered.tweet)
    if (how === 'told') await announce(reader, reply)
    expect(await homeIds(reader)).toEqual([reply.id])
  })

  it('is not what a stranger answers one', async () => {
    const { reader, stranger } = await setWorld()
    const own = await tweetBy(reader)
    await homeIds(reader)
    await announce(stranger, await tweetBy(stranger, own.tweet))
    expect(await homeIds(reader)).toEqual([own.id])
  })
})
