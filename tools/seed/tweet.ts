import type { TweetId } from '../../src/domain/ids.ts'
import type { Repertoire } from './library.ts'
import type { Person } from './people.ts'

export interface Tweet {
  id: TweetId
  author: Person
  atMs: number
  repliesTo: Tweet | null
  /** The id of the tweet that began the conversation: its own unless it is a reply. */
  conversationId: TweetId
  /** Of the tweet that began the conversation. */
  repertoire: Repertoire
  /** What it says, without hashtags and other additions; given when all tweets are known. */
  words: string
  likeCount: number
  retweetCount: number
  replyCount: number
}

/** How many tweets stand above this one in its conversation. */
export function depthOf({ repliesTo }: Tweet): number {
  return repliesTo === null ? 0 : depthOf(repliesTo) + 1
}
