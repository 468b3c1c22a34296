import type { FoundHashtagPage } from '../contracts/http/search.ts'
import { askSearch } from './ask-search.ts'
import type { Deps } from './deps.ts'

/** No more are found: one goes on typing. */
const HASHTAGS_MAX = 200

export interface HashtagPlace {
  score: number
  tag: string
}

export interface HashtagsAsked {
  text: string
  limit: number
  offset: number
  after: HashtagPlace | null
}

export interface FoundHashtags {
  hashtags: FoundHashtagPage['hashtags']
  nextAfter: HashtagPlace | null
}

/** Hashtags that begin with what is being typed, or nearly, the best 200. Throws `unavailable`. */
export async function searchHashtags(deps: Deps, asked: HashtagsAsked): Promise<FoundHashtags> {
  const { text, limit, offset, after } = asked
  const { hits } = await askSearch(deps, (search) => search.searchHashtags({ text, limit: HASHTAGS_MAX }))
  const behind = hits.filter((hit) => after === null || inOrder(after, hit) < 0).toSorted(inOrder)
  const shown = behind.slice(offset, offset + limit)
  const last = behind.length > offset + limit ? shown.at(-1) : undefined
  return {
    hashtags: shown.map(({ tag, tweetCount }) => ({ name: tag, tweet_count: tweetCount })),
    nextAfter: last === undefined ? null : { score: last.score, tag: last.tag },
  }
}

function inOrder(a: HashtagPlace, b: HashtagPlace): number {
  return b.score - a.score || (a.tag < b.tag ? -1 : a.tag > b.tag ? 1 : 0)
}
