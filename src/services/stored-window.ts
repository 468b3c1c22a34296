import type { Utf8Text } from '../contracts/utf8-text.ts'
import { readHomeBelow } from '../db/statements/home-timeline.ts'
import { type EntryId, MAX_ID, type TweetId } from '../domain/ids.ts'
import type { Deps, Viewer } from './deps.ts'
import { unavailable } from './home-skeleton.ts'
import { whenAvailable } from './home-stretch.ts'
import { presentRow, readerOfRows } from './present-home.ts'

/** Entries of one round trip, with those that show nothing. */
const BATCH_ENTRIES = 200
const BATCHES_MAX = 6

export interface StoredTweet {
  tweetId: TweetId
  json: Utf8Text
}

/** A part of a scroll: below `before`, down to the entry `end`. */
interface Range {
  before: number | null
  top: EntryId
  end: number
}

/** What a part of the home timeline shows, from Postgres alone. Throws `unavailable`. */
export async function readStored(
  deps: Deps,
  viewer: Viewer,
  { before, top, end }: Range,
): Promise<StoredTweet[]> {
  const tweets: StoredTweet[] = []
  let from = before ?? MAX_ID
  for (let batch = 0; batch < BATCHES_MAX && from > end; batch++) {
    const nowMs = deps.now()
    const page = { before: from, top, offset: 0, limit: BATCH_ENTRIES, nowMs }
    const found = await whenAvailable(deps.timed('db', () => readHomeBelow(deps.db, viewer.id, page)))
    if (found === null) throw unavailable()
    const { rows, mutedWords } = found
    const reader = readerOfRows(viewer, mutedWords, nowMs)
    for (const row of rows) {
      const json = row.entry_id >= end ? presentRow(row, reader) : null
      if (row.entry !== null && json !== null) tweets.push({ tweetId: row.entry.tweet.id as TweetId, json })
    }
    from = rows.length < BATCH_ENTRIES ? 0 : (rows.at(-1)?.entry_id ?? 0)
  }
  return tweets
}
