import type { ListPage, Place } from '../db/statements/places.ts'
import { readActors } from '../db/statements/tweet-lists.ts'
import { AppError } from '../domain/errors.ts'
import type { TweetId } from '../domain/ids.ts'
import { presentListedUser } from '../views/present-user.ts'
import type { Deps, Viewer } from './deps.ts'
import type { UsersPage } from './list-follows.ts'
import { pageOf } from './page-of.ts'

/** Who liked or retweeted a tweet, the latest first. Throws `tweet_not_found` for one that the viewer may not see. */
export async function listTweetActors(
  deps: Deps,
  viewer: Viewer | null,
  kind: 'likes' | 'retweets',
  tweet: TweetId,
  page: ListPage<Place>,
): Promise<UsersPage> {
  const rows = await deps.timed('db', () =>
    readActors(deps.db, kind, tweet, viewer?.id ?? null, { ...page, limit: page.limit + 1 }),
  )
  if (rows === null) throw new AppError('tweet_not_found')
  const { shown, nextAfter } = pageOf(rows, page.limit)
  return { users: shown.map((row) => presentListedUser(row, viewer !== null)), nextAfter }
}
