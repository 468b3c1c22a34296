import type { Explore } from '../contracts/http/discovery.ts'
import { readExplore } from '../db/statements/trend-readers.ts'
import { isMutedFor, mutedWordsMatcher, type Written } from '../domain/muted-words.ts'
import { presentRecommendation } from '../views/present-recommendation.ts'
import { presentTweet } from '../views/present-tweet.ts'
import { presentTrend, withoutMuted } from '../views/trends.ts'
import type { Deps, Viewer } from './deps.ts'
import { readLaggingFor } from './read-lagging.ts'

const TWEETS_SHOWN = 20
/** Read so that those with muted words can be left out. */
const TWEETS_READ = 40
const TERMS_SHOWN = 10
const PEOPLE_SHOWN = 5

/** What goes on: trending tweets, topics and hashtags, and whom one might follow. One round trip. */
export async function exploreFor(deps: Deps, viewer: Viewer | null): Promise<Explore> {
  const nowMs = deps.now()
  const asked = { nowMs, tweets: viewer === null ? TWEETS_SHOWN : TWEETS_READ, people: PEOPLE_SHOWN }
  const found = await deps.timed('db', () =>
    readLaggingFor(deps, viewer, (db) => readExplore(db, viewer?.id ?? null, asked)),
  )
  const holdsMuted = mutedWordsMatcher(found.muted_words, nowMs)
  const viewerId = viewer?.id ?? null
  const isShown = ({ tweet }: (typeof found.tweets)[number]) =>
    !isMutedFor(
      viewerId ?? 0,
      holdsMuted,
      writtenBy(tweet),
      tweet.quote?.shown ? writtenBy(tweet.quote.shown.tweet) : null,
    )
  const terms = (kind: 'hashtags' | 'topics') =>
    withoutMuted(found.trends?.[kind] ?? [], kind, found.muted_words, nowMs)
      .slice(0, TERMS_SHOWN)
      .map(presentTrend)
  return {
    tweets: found.tweets
      .filter(isShown)
      .slice(0, TWEETS_SHOWN)
      .map(({ tweet, flags }) => presentTweet(tweet, flags, { viewerId, nowMs })),
    topics: terms('topics'),
    hashtags: terms('hashtags'),
    users: found.people.map((person) => {
      const { relationship, ...user } = presentRecommendation(person)
      return viewer === null ? user : { ...user, relationship }
    }),
  }
}

function writtenBy({ user, content }: { user: { id: number }; content: string }): Written {
  return { authorId: user.id, content }
}
