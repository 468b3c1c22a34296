import type { TimelineOp } from '../contracts/timeline.ts'
import { deleteRetweet, insertRetweet, type Retweeted } from '../db/statements/retweets.ts'
import { AppError } from '../domain/errors.ts'
import { type EntryId, newTweetId, type TweetId, type UserId } from '../domain/ids.ts'
import { presentUserCard } from '../views/present-profile.ts'
import { serializeCard } from '../views/present-tweet.ts'
import type { Deps, Viewer } from './deps.ts'
import { tellOwnTimeline } from './tell-own-timeline.ts'

/** How often another id is tried when the first is taken: each is with probability 1/4 at the worst. */
const ID_TRIES = 3

/**
 * Retweets a tweet and answers its retweets; again does nothing. Throws `tweet_not_found` for one that the viewer may
 * not see, `forbidden` for another's private one, `suspended`.
 */
export async function retweetTweet(deps: Deps, viewer: Viewer, tweet: TweetId): Promise<number> {
  const retweeted = await insert(deps, viewer, tweet)
  const { entry_id, count, state, outbox } = retweeted
  const ops: TimelineOp[] = [{ type: 'flags', acted: { tweetId: tweet, ...state } }]
  if (entry_id !== null) {
    deps.defer(deps.queues.sendOutbox(outbox))
    deps.defer(deps.queues.sendFold([{ subject: 'tweet', id: tweet }]))
    ops.unshift(deliverOf(retweeted, entry_id, viewer, tweet))
  }
  await tellOwnTimeline(deps, viewer.id, ops)
  return count
}

/**
 * Takes a retweet back and answers the tweet's retweets; again does nothing, and quotes stay. Throws `tweet_not_found`
 * for a tweet that the viewer may not see and did not retweet, `suspended`.
 */
export async function undoRetweet(deps: Deps, viewer: Viewer, tweet: TweetId): Promise<number> {
  const result = await deps.timed('db', () => deleteRetweet(deps.db, viewer.id, tweet))
  if (result.outcome !== 'done') throw new AppError(result.outcome)
  const { entry_id, count, state, outbox } = result
  const ops: TimelineOp[] = [{ type: 'flags', acted: { tweetId: tweet, ...state } }]
  if (entry_id !== null) {
    deps.defer(deps.queues.sendOutbox(outbox))
    deps.defer(deps.queues.sendFold([{ subject: 'tweet', id: tweet }]))
    ops.unshift({ type: 'retract', of: 'retweet', id: entry_id })
  }
  await tellOwnTimeline(deps, viewer.id, ops)
  return count
}

type Done = Extract<Retweeted, { outcome: 'done' }>

/** Inserts under a new id, and under another when that is taken or the same retweet came in at the same time. */
async function insert(deps: Deps, viewer: Viewer, tweet: TweetId): Promise<Done> {
  for (let attempt = 1; attempt <= ID_TRIES; attempt++) {
    const id = newTweetId(deps.now(), viewer.id, deps.random) as number as EntryId
    const result = await deps.timed('db', () => insertRetweet(deps.db, viewer.id, tweet, id))
    if (result.outcome === 'done') return result
    if (result.outcome === 'forbidden') {
      throw new AppError('forbidden', { detail: 'A private account’s tweets are for its followers alone' })
    }
    if (result.outcome !== 'taken') throw new AppError(result.outcome)
  }
  throw new AppError('unavailable', { retryAfterSeconds: 1, detail: 'No free id was found' })
}

function deliverOf(
  { tweet, retweeter, state }: Done,
  id: EntryId,
  viewer: Viewer,
  tweetId: TweetId,
): TimelineOp {
  return {
    type: 'deliver',
    entry: { id, tweetId, authorId: tweet.user.id as UserId, retweeterId: viewer.id },
    card: serializeCard(tweet),
    retweeter: presentUserCard(retweeter),
    acted: { tweetId, ...state },
  }
}
