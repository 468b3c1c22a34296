import type { Tweet } from '../contracts/http/tweets.ts'
import { readTweet as selectTweet } from '../db/statements/tweets.ts'
import { AppError } from '../domain/errors.ts'
import type { TweetId } from '../domain/ids.ts'
import { presentTweet } from '../views/present-tweet.ts'
import type { Deps, Viewer } from './deps.ts'

/** One tweet, as of now. Throws `tweet_not_found` for one that the viewer may not see. */
export async function readTweet(deps: Deps, viewer: Viewer | null, id: TweetId): Promise<Tweet> {
  const shown = await deps.timed('db', () => selectTweet(deps.db, id, viewer?.id ?? null))
  if (shown === null) throw new AppError('tweet_not_found')
  return presentTweet(shown.tweet, shown.flags, { viewerId: viewer?.id ?? null, nowMs: deps.now() })
}
