import { type TweetId, timeOf } from '../ids.ts'
import { foldTag } from '../tweet-text.ts'
import { hourOf } from './score.ts'
import { topicsOf } from './topics.ts'

export const TREND_KINDS = ['hashtag', 'topic'] as const
export type TrendKind = (typeof TREND_KINDS)[number]

/** What an account's tweets of one hour say of a term. */
export interface TermCount {
  kind: TrendKind
  term: string
  /** How many of them use it. */
  tweets: number
  /** That of the one with the most. */
  engagement: number
}

/** Hours since 1970. */
export interface HourOfTerms {
  hour: number
  terms: TermCount[]
}

interface Tweet {
  id: TweetId
  /** Null where it is not read for topics. */
  content: string | null
  hashtags: readonly { tag: string }[]
  engagement: number
}

/** Longer terms are not told apart from noise; hashtags have as many letters at the most. */
const HASHTAGS_MAX = 30

/**
 * What one account's tweets count for in trends. However often it uses a term within an hour, it is one account that used it,
 * and its tweet with the most engagement stands for all of them: so who likes each tweet of a burst is counted once, too. In a fixed
 * order, whatever the order of the tweets.
 */
export function contributionsOf(tweets: readonly Tweet[]): HourOfTerms[] {
  const hours = new Map<number, Map<string, TermCount>>()
  for (const tweet of tweets) {
    const hour = hourOf(timeOf(tweet.id))
    const counts = hours.get(hour) ?? new Map<string, TermCount>()
    hours.set(hour, counts)
    for (const { kind, term } of termsOf(tweet)) {
      const key = `${kind} ${term}`
      const count = counts.get(key) ?? { kind, term, tweets: 0, engagement: 0 }
      counts.set(key, {
        ...count,
        tweets: count.tweets + 1,
        engagement: Math.max(count.engagement, tweet.engagement),
      })
    }
  }
  return [...hours]
    .filter(([, counts]) => counts.size > 0)
    .map(([hour, counts]) => ({ hour, terms: inOrder(counts) }))
    .sort((a, b) => a.hour - b.hour)
}

function inOrder(counts: Map<string, TermCount>): TermCount[] {
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, count]) => count)
}

function termsOf({ content, hashtags }: Tweet): Pick<TermCount, 'kind' | 'term'>[] {
  const tags = [...new Set(hashtags.map(({ tag }) => foldTag(tag)))].slice(0, HASHTAGS_MAX)
  const topics = content === null ? [] : topicsOf(content)
  return [
    ...tags.map((term) => ({ kind: 'hashtag' as const, term })),
    ...topics.map((term) => ({ kind: 'topic' as const, term })),
  ]
}
