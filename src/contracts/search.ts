import type { SearchQuery } from '../domain/search-query.ts'

/**
 * What the API Worker and the search Worker say to each other. The index holds only what everybody may read: public
 * tweets of accounts that are there, and people.
 *
 * `version` orders what is said of one document, so that it may come late, twice and in any order: what is older than
 * what the index knows changes nothing, a removal included. Of a tweet it is its own revision and its author's
 * together, of a person the person's: each only ever grows.
 */
export interface TweetDocument {
  id: number
  version: number
  authorId: number
  /** As its author writes it; handles are compared without regard to case. */
  username: string
  content: string
  /** Folded, without `#`. */
  hashtags: string[]
  /** Handles, without `@`. */
  mentions: string[]
  /** The handle of whom it answers; null for one that answers nobody. */
  replyTo: string | null
  hasMedia: boolean
  isSensitive: boolean
  /** Likes, retweets, quotes and replies. */
  engagement: number
}

export interface PersonDocument {
  id: number
  version: number
  username: string
  displayName: string
  bio: string
  isVerified: boolean
  followerCount: number
}

export interface Removal {
  id: number
  version: number
}

export interface IndexChanges {
  tweets: TweetDocument[]
  people: PersonDocument[]
  removedTweets: Removal[]
  removedPeople: Removal[]
}

/** Where a page ends: the next one begins after it. */
export interface HitPlace {
  /** Higher is better; of `latest`, 0. */
  score: number
  id: number
}

export type SearchSort = 'relevance' | 'latest' | 'top'

export interface TweetSearch {
  query: SearchQuery
  sort: SearchSort
  /** When the scroll began, in Unix ms: recency is as of then, and what is newer is not part of it. */
  asOfMs: number
  after: HitPlace | null
  limit: number
  /** False leaves out what is sensitive. */
  withSensitive: boolean
}

/** Where a query was meant otherwise, the few hits of what was typed come first, with scores above this one. */
export const AS_TYPED = 1000

export interface TweetHits {
  hits: HitPlace[]
  hasMore: boolean
  /** The query as it was meant, where hardly anything holds what was asked: behind what does, the hits are of this one. */
  didYouMean: string | null
}

export interface NameSearch {
  /** As it was typed: the last word may be unfinished. */
  text: string
  after: HitPlace | null
  limit: number
}

export interface PeopleHits {
  hits: HitPlace[]
  hasMore: boolean
}

export interface HashtagHits {
  /** Best first; `tweetCount` of indexed tweets. */
  hits: { tag: string; tweetCount: number; score: number }[]
}

/** The search Worker's entrypoint. Failures of its databases are thrown: whoever asked tries again or answers 503. */
export interface SearchRpc {
  index(changes: Pick<IndexChanges, 'tweets' | 'people'>): Promise<void>
  remove(changes: Pick<IndexChanges, 'removedTweets' | 'removedPeople'>): Promise<void>
  searchTweets(search: TweetSearch): Promise<TweetHits>
  searchUsers(search: NameSearch): Promise<PeopleHits>
  searchHashtags(search: Omit<NameSearch, 'after'>): Promise<HashtagHits>
}
