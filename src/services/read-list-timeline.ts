import type { Tweet } from '../contracts/http/tweets.ts'
import { readListEntries } from '../db/statements/list-timeline.ts'
import { AppError } from '../domain/errors.ts'
import type { EntryId, ListId } from '../domain/ids.ts'
import { presentTweet } from '../views/present-tweet.ts'
import type { Deps, Viewer } from './deps.ts'

/** A place of a scroll through a list's timeline: the entry before it, and the newest entry of the scroll. */
export interface ListPlace {
  before: EntryId
  top: EntryId
}

/**
 * What the members of a list wrote and retweeted, newest first, as far as the viewer may see it; a tweet stands once in a
 * scroll. A page that is thinned by that is shorter, and its cursor still leads on. Throws `list_not_found`.
 */
export async function readListTimeline(
  deps: Deps,
  viewer: Viewer | null,
  list: ListId,
  { place, offset, limit }: { place: ListPlace | null; offset: number; limit: number },
): Promise<{ tweets: Tweet[]; next: ListPlace | null }> {
  const nowMs = deps.now()
  const page = { before: place?.before ?? null, top: place?.top ?? null, nowMs, offset, limit: limit + 1 }
  const rows = await deps.timed('db', () => readListEntries(deps.db, list, viewer?.id ?? null, page))
  if (rows === null) throw new AppError('list_not_found')
  const shown = rows.slice(0, limit)
  const [first, last] = [shown[0], shown.at(-1)]
  const reader = { viewerId: viewer?.id ?? null, nowMs }
  return {
    tweets: shown.flatMap(({ entry }) =>
      entry === null ? [] : [presentTweet(entry.tweet, entry.flags, reader, entry.retweeter)],
    ),
    next:
      rows.length > limit && first !== undefined && last !== undefined
        ? { before: last.entry_id, top: place?.top ?? first.entry_id }
        : null,
  }
}
