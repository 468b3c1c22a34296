import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { type FanOutTask, planFanOut } from '../../src/db/statements/fan-out.ts'
import { readFresh } from '../../src/db/statements/freshen.ts'
import { pullTimeline, readBackfill, readHomeBelow } from '../../src/db/statements/home-timeline.ts'
import { commitWarm } from '../../src/db/statements/timelines.ts'
import { type EntryRow, readTweet, readUserEntries } from '../../src/db/statements/tweets.ts'
import { whichUser } from '../../src/db/statements/users.ts'
import { type EntryId, MAX_ID, newTweetId, type TweetId, type UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn } from './harness/community.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet, ownMoment } from './harness/tweets.ts'

/** What there is from the reader to the author, besides a follow. */
type Tie = 'nothing' | 'asks' | 'blocks' | 'is blocked by' | 'mutes' | 'muted once'
type Reader = 'signed out' | 'self' | { follows: boolean; tie: Tie }
type AuthorState = 'public' | 'private' | 'suspended' | 'deactivated' | 'away' | 'private and suspended'
type TweetState = 'live' | 'deleted'

const TIES: Tie[] = ['nothing', 'asks', 'blocks', 'is blocked by', 'mutes', 'muted once']
const READERS: Reader[] = [
  'signed out',
  'self',
  ...TIES.flatMap((tie) => [
    { follows: false, tie },
    { follows: true, tie },
  ]),
]
const AUTHOR_COLUMNS: Record<AuthorState, Record<string, unknown>> = {
  public: {},
  private: { is_private: true },
  suspended: { suspended_at: new Date() },
  deactivated: { is_active: false },
  // By themselves: they may come back.
  away: { is_active: false, deactivated_at: new Date() },
  'private and suspended': { is_private: true, suspended_at: new Date() },
}

/** What each statement gives of one tweet. */
interface Outcome {
  /** Asked for by its id. */
  tweet: 'shown' | 'not there'
  /** On its author's timeline. */
  userTimeline: 'shown' | 'empty' | 'no such user'
  /** Retweeted by somebody whom nothing ties to either: the place stays. */
  retweet: 'shown' | 'blank'
  /** On the reader's home timeline as it is built. */
  pulled: boolean
  /** Below what the reader's timeline keeps. A blank keeps its place. */
  homeBelow: 'shown' | 'blank' | 'absent'
  /** Read after a follow. */
  backfill: boolean
  /** The fan-out of the tweet, and of its deletion, to the reader's warm timeline. */
  delivered: { tweet: boolean; toReader: boolean }
  retractedFromReader: boolean
  freshened: { gone: boolean; authorIsPrivate: boolean }
}

/** The rules of who sees what, once more and in words. */
function expected(reader: Reader, author: AuthorState, tweet: TweetState): Outcome {
  const self = reader === 'self'
  const { follows, tie } = typeof reader === 'string' ? { follows: false, tie: 'nothing' } : reader
  const blocked = tie === 'blocks' || tie === 'is blocked by'
  const muted = tie === 'mutes'

  const live = tweet === 'live'
  // Suspended and deactivated people are there for nobody, not even for themselves.
  const present = author === 'public' || author === 'private'
  const isPrivate = author.startsWith('private')
  // A request to follow gives no right. A mute hides nothing from whoever asks.
  const mayRead = self || ((!isPrivate || follows) && !blocked)
  const visible = live && present && mayRead
  // One's own tweets belong on one's home timeline in any case, where the rules still show or hide them.
  const belongsOnHome = self || (follows && present && !blocked && !muted)
  const isAway = author === 'away'
  // Nobody who is not active has a timeline that could be told.
  const ownIsWarm = author !== 'deactivated' && !isAway

  return {
    tweet: visible ? 'shown' : 'not there',
    userTimeline: !present ? 'no such user' : visible ? 'shown' : 'empty',
    retweet: visible ? 'shown' : 'blank',
    // Of those who may come back it is kept, and hidden as pages are freshened.
    pulled: live && (belongsOnHome || (isAway && follows && !blocked && !muted)),
    homeBelow: !(live && belongsOnHome) ? 'absent' : visible ? 'shown' : 'blank',
    backfill: live && (present || isAway) && mayRead && !muted,
    delivered: { tweet: live && present, toReader: self ? ownIsWarm : follows && !blocked && !muted },
    // Taken back from everybody who may have got it before the block or the mute.
    retractedFromReader: self ? ownIsWarm : follows,
    freshened: { gone: !live || !present, authorIsPrivate: isPrivate },
  }
}

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

async function addReader(reader: Reader, author: UserId): Promise<UserId | null> {
  if (reader === 'signed out') return null
  if (reader === 'self') return author
  const id = await people.addUser()
  if (reader.follows) await people.add('follows', id, author)
  switch (reader.tie) {
    case 'asks':
      await people.add('follow_requests', id, author)
      break
    case 'blocks':
      await people.add('blocks', id, author)
      break
    case 'is blocked by':
      await people.add('blocks', author, id)
      break
    case 'mutes':
      await people.add('mutes', id, author, { expires_at: new Date(Date.now() + 60_000) })
      break
    case 'muted once':
      await people.add('mutes', id, author, { expires_at: new Date(Date.now() - 1_000) })
  }
  return id
}

async function addRetweet(tweet: TweetId): Promise<UserId> {
  const retweeter = await people.addUser()
  await database.pool.query('insert into retweets (id, user_id, tweet_id) values ($1, $2, $3)', [
    newTweetId(ownMoment(), retweeter, Math.random),
    retweeter,
    tweet,
  ])
  return retweeter
}

const PAGE = { before: null, offset: 0, limit: 10 }
const BELOW = { before: MAX_ID, offset: 0, limit: 10 }

/** What became of the place whose entry would be the tweet. */
function placeOf(rows: EntryRow[], tweet: TweetId): 'shown' | 'blank' | 'absent' {
  const row = rows.find(({ entry_id }) => (entry_id as number) === tweet)
  if (row === undefined) return 'absent'
  if (row.entry === null) return 'blank'
  expect(row.entry.tweet.id).toBe(tweet)
  return 'shown'
}

async function userTimeline(author: UserId, viewer: UserId | null): Promise<Outcome['userTimeline']> {
  const rows = await readUserEntries(
    db,
    whichUser({ id: author }),
    viewer,
    { replies: true, media: false },
    PAGE,
  )
  if (rows === null) return 'no such user'
  expect(rows.every(({ entry }) => entry !== null)).toBe(true)
  return rows.length > 0 ? 'shown' : 'empty'
}

async function retweetOf(tweet: TweetId, viewer: UserId | null): Promise<Outcome['retweet']> {
  const who = whichUser({ id: await addRetweet(tweet) })
  const rows = await readUserEntries(db, who, viewer, { replies: true, media: false }, PAGE)
  expect(rows).toHaveLength(1)
  return rows?.[0]?.entry == null ? 'blank' : 'shown'
}

async function fanOut(tweet: TweetId, author: UserId, effect: FanOutTask['effect']) {
  const { rows } = await database.pool.query<{ id: number }>(
    `insert into outbox (queue, message, next_attempt_at) values ('fan-out', '{}', now()) returning id::float8 as id`,
  )
  const task: FanOutTask = {
    outbox_id: rows[0]?.id ?? 0,
    effect,
    entry_id: tweet as number as EntryId,
    tweet_id: tweet,
    author_id: author,
    by_id: author,
    from_follower: 0,
    to_follower: MAX_ID,
    to: null,
  }
  const [plan] = await planFanOut(db, [task])
  if (plan === undefined) throw new Error('A task that is owed has no plan')
  return plan
}

async function actual(viewer: UserId | null, author: UserId, tweet: TweetId): Promise<Outcome> {
  // Who is signed out has no home timeline: a reader without ties stands in.
  const home = viewer ?? (await people.addUser())
  await commitWarm(db, home, Date.now())
  const page = { ...BELOW, top: MAX_ID, nowMs: Date.now() }
  const [shown, timeline, retweet, pulled, below, backfill, delivery, retraction, freshened] =
    await Promise.all([
      readTweet(db, tweet, viewer),
      userTimeline(author, viewer),
      retweetOf(tweet, viewer),
      pullTimeline(db, home, page),
      readHomeBelow(db, home, page),
      readBackfill(db, home, author, page),
      fanOut(tweet, author, 'deliver'),
      fanOut(tweet, author, 'retract'),
      readFresh(db, [{ id: tweet, revision: null, wants_card: true }], [], home),
    ])
  const [fresh] = freshened.tweets
  return {
    tweet: shown === null ? 'not there' : 'shown',
    userTimeline: timeline,
    retweet,
    pulled: pulled.entries.some(({ tweet_id }) => tweet_id === tweet),
    homeBelow: placeOf(below.rows, tweet),
    backfill: backfill.entries.some(({ tweet_id }) => tweet_id === tweet),
    delivered: { tweet: delivery.tweet !== null, toReader: delivery.receivers.includes(home) },
    retractedFromReader: retraction.receivers.includes(home),
    freshened: { gone: fresh?.gone ?? false, authorIsPrivate: fresh?.author_is_private ?? false },
  }
}

const nameOf = (reader: Reader) =>
  typeof reader === 'string' ? reader : `a reader who ${reader.follows ? 'follows, and ' : ''}${reader.tie}`

describe.each(Object.keys(AUTHOR_COLUMNS) as AuthorState[])('a tweet of an author who is %s', (state) => {
  for (const reader of READERS) {
    it.each<TweetState>(['live', 'deleted'])(`and is %s, for: ${nameOf(reader)}`, async (tweetState) => {
      const author = await people.addUser(AUTHOR_COLUMNS[state])
      const viewer = await addReader(reader, author)
      const tweet = await addTweet(database.pool, author, { is_deleted: tweetState === 'deleted' })
      expect(await actual(viewer, author, tweet)).toEqual(expected(reader, state, tweetState))
    })
  }
})

describe('what a timeline is built of', () => {
  it('names all whom its owner follows, and whose entries are to be dropped', async () => {
    const owner = await people.addUser()
    const [friend, blocked, blocking, muted, mutedOnce, muter] = await people.addUsers(6)
    if (!friend || !blocked || !blocking || !muted || !mutedOnce || !muter)
      throw new Error('Nobody was added')
    for (const followee of [friend, muted]) await people.add('follows', owner, followee)
    await people.add('blocks', owner, blocked)
    await people.add('blocks', blocking, owner)
    await people.add('mutes', owner, muted)
    await people.add('mutes', owner, mutedOnce, { expires_at: new Date(Date.now() - 1_000) })
    await people.add('mutes', muter, owner)
    const { followees, dropped } = await pullTimeline(db, owner, { ...BELOW, nowMs: Date.now() })
    expect(followees.toSorted()).toEqual([friend, muted].toSorted())
    expect(dropped.toSorted((a, b) => a.user_id - b.user_id)).toEqual(
      [
        { user_id: blocked, reason: 'block', until_ms: null },
        { user_id: blocking, reason: 'blocked_by', until_ms: null },
        { user_id: muted, reason: 'mute', until_ms: null },
      ].toSorted((a, b) => a.user_id - b.user_id),
    )
  })

  it('knows what the reader did to each tweet', async () => {
    const [reader, author] = [await people.addUser(), await people.addUser()]
    await people.add('follows', reader, author)
    const tweets: TweetId[] = []
    for (let flags = 0; flags < 8; flags++) {
      const tweet = await addTweet(database.pool, author)
      tweets.push(tweet)
      const values = [reader, tweet]
      const insert = (table: string) =>
        database.pool.query(`insert into ${table} (user_id, tweet_id) values ($1, $2)`, values)
      if (flags & 1) await insert('likes')
      if (flags & 2)
        await database.pool.query('insert into retweets (id, user_id, tweet_id) values ($2, $1, $2)', values)
      if (flags & 4) await insert('bookmarks')
      expect((await readTweet(db, tweet, reader))?.flags).toEqual({
        is_liked: (flags & 1) > 0,
        is_retweeted: (flags & 2) > 0,
        is_bookmarked: (flags & 4) > 0,
        voted: null,
      })
    }
    const acted = new Map(tweets.flatMap((tweet, flags) => (flags === 0 ? [] : [[tweet, flags]])))
    const page = { ...BELOW, limit: 100, nowMs: Date.now() }
    for (const pulled of [
      await pullTimeline(db, reader, page),
      await readBackfill(db, reader, author, page),
    ]) {
      expect(new Map(pulled.acted.map(({ tweet_id, flags }) => [tweet_id, flags]))).toEqual(acted)
    }
  })
})
