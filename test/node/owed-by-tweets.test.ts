import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { MAX_ID, type TweetId, type UserId } from '../../src/domain/ids.ts'
import type { TweetDraft } from '../../src/services/check-draft.ts'
import { deleteTweet } from '../../src/services/delete-tweet.ts'
import type { Deps } from '../../src/services/deps.ts'
import { editTweet } from '../../src/services/edit-tweet.ts'
import { publishThread } from '../../src/services/publish-thread.ts'
import { publishTweet } from '../../src/services/publish-tweet.ts'
import { retweetTweet } from '../../src/services/retweet-tweet.ts'
import { type Community, communityIn } from './harness/community.ts'
import { viewerOf } from './harness/deps.ts'
import { notificationsOwedBy } from './harness/notifications-owed.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet, publish } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const owedBy = (work: (deps: Deps) => Promise<unknown>) => notificationsOwedBy(database, db, work)

async function scene() {
  const [viewer, author] = [await people.addUser(), await people.addUser()]
  return { viewer, author, tweet: await addTweet(database.pool, author) }
}

const draftOf = (content: string, changes: Partial<TweetDraft> = {}): TweetDraft => {
  return { content, isSensitive: false, replyToId: null, quoteTweetId: null, poll: null, ...changes }
}

/** Posts a tweet, or a thread; what it owes comes with the ids that it was published under. */
async function post(author: UserId, ...drafts: TweetDraft[]) {
  const ids: number[] = []
  const owed = await owedBy(async (deps) => {
    const [only, ...others] = drafts
    const tweets =
      only === undefined || others.length > 0
        ? await publishThread(deps, viewerOf(author), { drafts, idempotencyKey: null })
        : [await publishTweet(deps, viewerOf(author), { ...only, idempotencyKey: null })]
    ids.push(...tweets.map(({ id }) => id))
  })
  return { ids, owed }
}

const changedBy = (author_id: UserId, tweet_id: number | undefined) => {
  return { type: 'tweet_changed', v: 1, tweet_id, author_id }
}
const toSubscribersOf = (author_id: UserId, tweet_id: number | undefined) => {
  const everybody = { from_user: 1, to_user: MAX_ID }
  return { type: 'audience', v: 1, of: 'subscribers', tweet_id, author_id, ...everybody }
}

describe('a tweet', () => {
  it('that is plain owes nothing', async () => {
    const author = await people.addUser()
    const poll = { options: ['tea', 'coffee'], durationMinutes: 60 }
    expect((await post(author, draftOf('plain with a #hashtag'))).owed).toEqual([])
    expect((await post(author, draftOf('which?', { poll }))).owed).toEqual([])
    expect((await post(author, draftOf('one'), draftOf('two'), draftOf('three'))).owed).toEqual([])
  })

  it('that answers, quotes or mentions somebody owes that, once', async () => {
    const { viewer, tweet } = await scene()
    await people.addUser({ username: 'somebody' })
    for (const draft of [
      draftOf('a reply', { replyToId: tweet }),
      draftOf('a quote', { quoteTweetId: tweet }),
      draftOf('hello @somebody'),
      draftOf('all of it, @somebody', { replyToId: tweet, quoteTweetId: tweet }),
    ]) {
      const { ids, owed } = await post(viewer, draft)
      expect(owed).toEqual([changedBy(viewer, ids[0])])
    }
  })

  it('that answers oneself owes nothing, unless it mentions somebody', async () => {
    const { author, tweet } = await scene()
    await people.addUser({ username: 'mentioned' })
    expect((await post(author, draftOf('and', { replyToId: tweet }))).owed).toEqual([])
    const { ids, owed } = await post(author, draftOf('and @mentioned', { replyToId: tweet }))
    expect(owed).toEqual([changedBy(author, ids[0])])
  })

  it('that mentions nobody who is there owes nothing', async () => {
    const author = await people.addUser()
    await people.addUser({ username: 'left_us', is_active: false })
    expect((await post(author, draftOf('hello @nobody_at_all and @left_us'))).owed).toEqual([])
  })

  it('of a thread owes for itself what it would owe alone', async () => {
    const { viewer, tweet } = await scene()
    await people.addUser({ username: 'threaded' })
    const { ids, owed } = await post(
      viewer,
      draftOf('a reply', { replyToId: tweet }),
      draftOf('plain'),
      draftOf('@threaded'),
      draftOf('a quote', { quoteTweetId: tweet }),
      draftOf('plain, too'),
    )
    expect(owed).toHaveLength(3)
    expect(owed).toEqual(expect.arrayContaining([ids[0], ids[2], ids[3]].map((id) => changedBy(viewer, id))))
  })

  it('that is posted again under its key, or refused, owes nothing', async () => {
    const { viewer, tweet } = await scene()
    const draft = { ...draftOf('a reply', { replyToId: tweet }), idempotencyKey: 'once' }
    expect(await owedBy((deps) => publishTweet(deps, viewerOf(viewer), draft))).toHaveLength(1)
    expect(await owedBy((deps) => publishTweet(deps, viewerOf(viewer), draft))).toEqual([])
    const refused = owedBy(async (deps) => {
      const missing = { ...draft, replyToId: 5 as TweetId, idempotencyKey: null }
      await expect(publishTweet(deps, viewerOf(viewer), missing)).rejects.toMatchObject({
        code: 'tweet_not_found',
      })
    })
    expect(await refused).toEqual([])
  })
})

describe('those who asked to be told of an author’s tweets', () => {
  /** An author with followers, some of whom asked. */
  async function subscribedTo(...notify: boolean[]): Promise<UserId> {
    const author = await people.addUser()
    for (const wanted of notify) {
      await people.add('follows', await people.addUser(), author, { notify: wanted })
    }
    return author
  }

  it('are owed a tweet, however many they are', async () => {
    for (const author of [await subscribedTo(true), await subscribedTo(true, false, true, true)]) {
      const { ids, owed } = await post(author, draftOf('plain'))
      expect(owed).toEqual([toSubscribersOf(author, ids[0])])
    }
  })

  it('are owed nothing where nobody asked, or where they asked for another’s', async () => {
    const author = await subscribedTo(false, false)
    const other = await subscribedTo(true)
    await people.add('follows', author, other, { notify: true })
    expect((await post(author, draftOf('plain'))).owed).toEqual([])
  })

  it('are owed no reply, neither to others nor to the author', async () => {
    const author = await subscribedTo(true)
    const { tweet } = await scene()
    const { ids, owed } = await post(author, draftOf('a reply', { replyToId: tweet }))
    expect(owed).toEqual([changedBy(author, ids[0])])
    const own = await addTweet(database.pool, author)
    expect((await post(author, draftOf('and', { replyToId: own }))).owed).toEqual([])
  })

  it('are owed a quote beside the one who is quoted, and no retweet', async () => {
    const author = await subscribedTo(true)
    const { tweet } = await scene()
    const { ids, owed } = await post(author, draftOf('look', { quoteTweetId: tweet }))
    expect(owed).toHaveLength(2)
    expect(owed).toEqual(expect.arrayContaining([changedBy(author, ids[0]), toSubscribersOf(author, ids[0])]))
    expect(await owedBy((deps) => retweetTweet(deps, viewerOf(author), tweet))).toEqual([
      { type: 'retweet_changed', v: 1, actor_id: author, tweet_id: tweet },
    ])
  })

  it('are owed a thread once, by its first tweet, and not at all where that is a reply', async () => {
    const author = await subscribedTo(true)
    const { tweet } = await scene()
    const { ids, owed } = await post(author, draftOf('one'), draftOf('two'), draftOf('three'))
    expect(owed).toEqual([toSubscribersOf(author, ids[0])])
    const answering = await post(author, draftOf('one', { replyToId: tweet }), draftOf('two'))
    expect(answering.owed).toEqual([changedBy(author, answering.ids[0])])
  })

  it('are owed neither an edit nor a deletion', async () => {
    const author = await subscribedTo(true)
    const id = await publish(db, author, 'before', { createdAtMs: Date.now() })
    expect(await owedBy((deps) => editTweet(deps, viewerOf(author), { id, content: 'after' }))).toEqual([])
    expect(await owedBy((deps) => deleteTweet(deps, viewerOf(author), id))).toEqual([
      { type: 'tweet_withdrawn', v: 1, tweet_id: id },
    ])
  })
})

describe('an edit', () => {
  beforeAll(async () => {
    for (const username of ['ann_e', 'bob_e']) await people.addUser({ username })
  })

  const edited = async (before: string, after: string, changes = {}) => {
    const author = await people.addUser()
    const id = await publish(db, author, before, { createdAtMs: Date.now(), ...changes })
    const owed = await owedBy((deps) => editTweet(deps, viewerOf(author), { id, content: after }))
    return { owed, changed: [changedBy(author, id)] }
  }

  it.each([
    ['comes to mention somebody', 'hello', 'hello @ann_e'],
    ['mentions somebody more', 'hello @ann_e', 'hello @ann_e and @bob_e'],
    ['mentions somebody else', 'hello @ann_e', 'hello @bob_e'],
    ['mentions somebody less', 'hello @ann_e and @bob_e', 'hello @ann_e'],
    ['mentions nobody any more', 'hello @ann_e', 'hello'],
  ])('that %s owes that, once', async (_, before, after) => {
    const { owed, changed } = await edited(before, after)
    expect(owed).toEqual(changed)
  })

  it.each([
    ['mentions nobody', 'hello', 'good-bye'],
    ['mentions the same people', 'hello @ann_e and @bob_e', 'good-bye @BOB_E, @ann_e and @ann_e'],
    ['mentions nobody who is there', 'hello', 'hello @nobody_at_all'],
    ['has other hashtags', 'hello #one @ann_e', 'hello #two @ann_e'],
    ['changes nothing', 'hello @ann_e', 'hello @ann_e'],
  ])('that %s owes nothing', async (_, before, after) => {
    expect((await edited(before, after)).owed).toEqual([])
  })

  it('of a reply and of a quote owes nothing: whom they answer and quote stays', async () => {
    const { tweet } = await scene()
    expect((await edited('a reply', 'the reply', { replyToId: tweet })).owed).toEqual([])
    expect((await edited('a quote', 'the quote', { quoteTweetId: tweet })).owed).toEqual([])
  })
})

describe('a deletion', () => {
  it('withdraws what was told of the tweet, whoever deletes it, once', async () => {
    const { viewer, author, tweet } = await scene()
    const other = await addTweet(database.pool, author)
    const moderator = viewerOf(await people.addUser(), 'moderator')
    expect(await owedBy((deps) => deleteTweet(deps, viewerOf(author), tweet))).toEqual([
      { type: 'tweet_withdrawn', v: 1, tweet_id: tweet },
    ])
    expect(await owedBy((deps) => deleteTweet(deps, viewerOf(author), tweet))).toEqual([])
    const refused = owedBy((deps) =>
      expect(deleteTweet(deps, viewerOf(viewer), other)).rejects.toMatchObject({ code: 'forbidden' }),
    )
    expect(await refused).toEqual([])
    expect(await owedBy((deps) => deleteTweet(deps, moderator, other))).toEqual([
      { type: 'tweet_withdrawn', v: 1, tweet_id: other },
    ])
  })
})
