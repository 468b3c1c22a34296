import type { Tweet } from '../contracts/http/tweets.ts'
import type { TweetDraft } from './check-draft.ts'
import type { Deps, Viewer } from './deps.ts'
import { publish } from './publish.ts'

/**
 * Publishes a tweet, a reply, a quote or a poll: one round trip to the database and one to the author's own timeline.
 * Everybody else's timelines, counters and search follow by the outbox. Throws `validation_failed`, `tweet_not_found`
 * (what it answers or quotes), `blocked`, `forbidden` (quoting a private author), `rate_limited`, `suspended`,
 * `idempotency_conflict`.
 */
export async function publishTweet(
  deps: Deps,
  viewer: Viewer,
  { idempotencyKey, ...draft }: TweetDraft & { idempotencyKey: string | null },
): Promise<Tweet> {
  const [tweet] = await publish(deps, viewer, { drafts: [draft], idempotencyKey, pathOf: () => 'json' })
  return tweet
}
