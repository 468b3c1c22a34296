import { riseOf, type Usage } from './score.ts'

/** A term of the window. */
export interface Trend {
  name: string
  score: number
  /** Tweets of the window that use it. */
  tweet_count: number
}

export interface TopicCandidate extends Trend, Pick<Usage, 'accounts' | 'before'> {}

/** A word is the phrase's from this share of its score on. */
const SHARE_OF_PHRASE = 0.6

/**
 * The topics that rise, the best first: each by the score of what its baseline does not explain. A word that is mostly said within
 * one phrase is left to the phrase.
 */
export function risingTopics(
  candidates: readonly TopicCandidate[],
  hoursBefore: number,
  limit: number,
): Trend[] {
  const rising = candidates
    .map(({ name, score, tweet_count, accounts, before }) => ({
      name,
      score: score * riseOf({ accounts, before, hoursBefore }),
      tweet_count,
    }))
    .filter(({ score }) => score > 0)
  const inPhrases = new Map<string, number>()
  for (const { name, score } of rising) {
    for (const word of wordsOfPhrase(name)) {
      inPhrases.set(word, Math.max(score, inPhrases.get(word) ?? 0))
    }
  }
  return rising
    .filter(({ name, score }) => (inPhrases.get(name) ?? 0) < score * SHARE_OF_PHRASE)
    .sort(byScore)
    .slice(0, limit)
}

/** Phrases of unspaced scripts show no words: they stand beside their words. */
function wordsOfPhrase(name: string): string[] {
  const words = name.split(' ')
  return words.length > 1 ? words : []
}

/** The best first; those alike by name, so that the order is one. */
export function byScore(a: Trend, b: Trend): number {
  return b.score - a.score || (a.name < b.name ? -1 : 1)
}
