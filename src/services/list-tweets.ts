import type { Tweet } from '../contracts/http/tweets.ts'
import { readHashtagTweets } from '../db/statements/hashtag-timeline.ts'
import type { ListPage, Place } from '../db/statements/places.ts'
import { type ListedTweet, readActedOn, readAnswers, readMentions } from '../db/statements/tweet-lists.ts'
import { AppError } from '../domain/errors.ts'
import type { TweetId } from '../domain/ids.ts'
import { presentTweet } from '../views/present-tweet.ts'
import type { Deps, Viewer } from './deps.ts'
import { pageOf } from './page-of.ts'
import { readLaggingFor } from './read-lagging.ts'

/**
 * A page of a list of tweets. What may not be seen (any more) is left out: the page is shorter then, and its next one
 * goes on behind it.
 */
export interface TweetsPage<After> {
  tweets: Tweet[]
  /** After which the next page begins; null at the end. */
  nextAfter: After | null
}

/** The tweets that the viewer liked or bookmarked, the latest act first. */
export async function listActedOn(
  deps: Deps,
  viewer: Viewer,
  kind: 'likes' | 'bookmarks',
  page: ListPage<Place>,
): Promise<TweetsPage<Place>> {
  const rows = await deps.timed('db', () => readActedOn(deps.db, kind, viewer.id, oneMore(page)))
  return presentPage(deps, viewer, rows, page.limit)
}

/** The tweets that mention the viewer, newest first. */
export async function listMentions(
  deps: Deps,
  viewer: Viewer,
  page: ListPage<number>,
): Promise<TweetsPage<number>> {
  const rows = await deps.timed('db', () => readMentions(deps.db, viewer.id, oneMore(page)))
  return presentPage(deps, viewer, rows, page.limit)
}

/** The replies to a tweet or its quotes, newest first. Throws `tweet_not_found` for one that the viewer may not see. */
export async function listAnswers(
  deps: Deps,
  viewer: Viewer | null,
  kind: 'replies' | 'quotes',
  tweet: TweetId,
  page: ListPage<number>,
): Promise<TweetsPage<number>> {
  const rows = await deps.timed('db', () =>
    readAnswers(deps.db, kind, tweet, viewer?.id ?? null, oneMore(page)),
  )
  if (rows === null) throw new AppError('tweet_not_found')
  return presentPage(deps, viewer, rows, page.limit)
}

/** The tweets with a hashtag (folded), newest first. */
export async function listHashtagTweets(
  deps: Deps,
  viewer: Viewer | null,
  tag: string,
  page: ListPage<number>,
): Promise<TweetsPage<number>> {
  const rows = await deps.timed('db', () =>
    readLaggingFor(deps, viewer, (db) => readHashtagTweets(db, tag, viewer?.id ?? null, oneMore(page))),
  )
  const found = presentPage(deps, viewer, rows, page.limit)
  const last = rows.at(-1)
  const isCutShort = found.nextAfter === null && last?.shown === null
  return isCutShort ? { ...found, nextAfter: last.place } : found
}

const oneMore = <After>(page: ListPage<After>): ListPage<After> => ({ ...page, limit: page.limit + 1 })

function presentPage<After>(
  deps: Deps,
  viewer: Viewer | null,
  rows: ListedTweet<After>[],
  limit: number,
): TweetsPage<After> {
  const reader = { viewerId: viewer?.id ?? null, nowMs: deps.now() }
  const { shown: lines, nextAfter } = pageOf(rows, limit)
  const tweets = lines.flatMap(({ shown }) =>
    shown === null ? [] : [presentTweet(shown.tweet, shown.flags, reader)],
  )
  return { tweets, nextAfter }
}
