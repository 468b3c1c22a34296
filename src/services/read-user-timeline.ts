import type { UserRef } from '../contracts/http/common.ts'
import type { Tweet } from '../contracts/http/tweets.ts'
import type { Db } from '../db/client.ts'
import { type EntryRow, readUserEntries, type UserEntriesFilter } from '../db/statements/tweets.ts'
import { whichUser } from '../db/statements/users.ts'
import { AppError } from '../domain/errors.ts'
import { presentTweet, type Reader } from '../views/present-tweet.ts'
import type { Deps, Viewer } from './deps.ts'
import { isViewer } from './is-viewer.ts'
import { readLagging } from './read-lagging.ts'

export interface UserTimelinePage {
  tweets: Tweet[]
  /** The entry after which the next page begins; null at the end. */
  nextBefore: number | null
}

/**
 * A user's tweets and retweets, newest first; none where the viewer may not read them. A page that is thinned (by
 * retweets of what is gone) is shorter, and its cursor still leads on. Throws `user_not_found`.
 */
export async function readUserTimeline(
  deps: Deps,
  viewer: Viewer | null,
  user: UserRef,
  filter: UserEntriesFilter,
  page: { before: number | null; offset: number; limit: number },
): Promise<UserTimelinePage> {
  const read = (db: Db) =>
    readUserEntries(db, whichUser(user), viewer?.id ?? null, filter, { ...page, limit: page.limit + 1 })
  const rows = await deps.timed('db', () =>
    isViewer(viewer, user) ? read(deps.db) : readLagging(deps, read),
  )
  if (rows === null) throw new AppError('user_not_found')
  const shown = rows.slice(0, page.limit)
  return {
    tweets: shown.flatMap((row) => presentEntry(row, { viewerId: viewer?.id ?? null, nowMs: deps.now() })),
    nextBefore: rows.length > page.limit ? (shown.at(-1)?.entry_id ?? null) : null,
  }
}

function presentEntry({ entry }: EntryRow, reader: Reader): Tweet[] {
  if (entry === null) return []
  const { tweet, flags, retweeter } = entry
  return [presentTweet(tweet, flags, reader, retweeter)]
}
