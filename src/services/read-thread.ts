import type { Tweet, UnavailableTweet } from '../contracts/http/tweets.ts'
import type { ListPage } from '../db/statements/places.ts'
import {
  NESTED_REPLIES,
  readThread as selectThread,
  type ThreadRecord,
  type ThreadReply,
} from '../db/statements/thread.ts'
import type { ShownTweet } from '../db/statements/tweets.ts'
import { AppError } from '../domain/errors.ts'
import type { TweetId } from '../domain/ids.ts'
import { presentTweet, type Reader } from '../views/present-tweet.ts'
import type { Deps, Viewer } from './deps.ts'
import { pageOf } from './page-of.ts'

/** A reply among the replies to it that are shown with it. */
export interface ThreadNode<Below = ThreadNode<never>> {
  tweet: Tweet
  replies: Below[]
  /** After which the replies go on in the thread of this very tweet; null at their end. */
  nextAfter: number | null
}

export interface Thread {
  ancestors: (Tweet | UnavailableTweet)[]
  tweet: Tweet
  replies: ThreadNode[]
  /** After which the next page of replies begins; null at the end. */
  nextAfter: number | null
}

/** An id before every tweet's. */
const FROM_THE_FIRST = 1

/**
 * A tweet among what it answers, the root first, and a page of what answers it, oldest first, each with the first
 * replies to it. Throws `tweet_not_found` for a tweet that the viewer may not see.
 */
export async function readThread(
  deps: Deps,
  viewer: Viewer | null,
  tweet: TweetId,
  page: ListPage<number>,
): Promise<Thread> {
  const thread = await deps.timed('db', () =>
    selectThread(deps.db, tweet, viewer?.id ?? null, { ...page, limit: page.limit + 1 }),
  )
  if (thread === null) throw new AppError('tweet_not_found')
  return presentThread(thread, page.limit, { viewerId: viewer?.id ?? null, nowMs: deps.now() })
}

function presentThread({ ancestors, shown, replies }: ThreadRecord, limit: number, reader: Reader): Thread {
  const { shown: page, nextAfter } = pageOf(replies.map(placed), limit)
  return {
    ancestors: ancestors.map((line) =>
      line.shown === null ? { id: line.id, unavailable: true } : present(line.shown, reader),
    ),
    tweet: present(shown, reader),
    replies: page.map((reply) => presentReply(reply, reader)),
    nextAfter,
  }
}

function presentReply(reply: ThreadReply, reader: Reader): ThreadNode {
  const { shown: leaves, nextAfter } = pageOf(reply.replies.map(placed), NESTED_REPLIES)
  return {
    tweet: present(reply, reader),
    replies: leaves.map((leaf) => ({
      tweet: present(leaf, reader),
      replies: [],
      nextAfter: leaf.has_replies ? FROM_THE_FIRST : null,
    })),
    nextAfter,
  }
}

const present = ({ tweet, flags }: ShownTweet, reader: Reader) => presentTweet(tweet, flags, reader)

/** A reply's place among the replies is its id. */
const placed = <Reply extends ShownTweet>(reply: Reply) => ({ ...reply, place: reply.tweet.id })
