import type { Poll } from '../contracts/http/tweets.ts'
import { insertVote, type Voted } from '../db/statements/polls.ts'
import { AppError } from '../domain/errors.ts'
import type { TweetId } from '../domain/ids.ts'
import { presentPoll } from '../views/present-tweet.ts'
import type { Deps, Viewer } from './deps.ts'

/**
 * Votes for the option at `position` in a tweet's poll, once; the same vote again does nothing. Throws
 * `tweet_not_found`, `poll_not_found`, `validation_failed` (there is no such option), `already_voted` (for another
 * option), `poll_closed`, `suspended`.
 */
export async function voteInPoll(
  deps: Deps,
  viewer: Viewer,
  tweet: TweetId,
  position: number,
): Promise<Poll> {
  const voted = await deps.timed('db', () => insertVote(deps.db, viewer.id, tweet, position))
  if (voted.outcome !== 'voted') throw refusal(voted)
  if (voted.changed) {
    deps.defer(deps.queues.sendOutbox(voted.outbox))
    deps.defer(deps.queues.sendFold([{ subject: 'tweet', id: tweet }]))
  }
  return presentPoll(tweet, voted.poll, position, deps.now())
}

function refusal(voted: Exclude<Voted, { outcome: 'voted' }>): AppError {
  if (voted.outcome !== 'no_such_option') return new AppError(voted.outcome)
  const message = `must be the position of an option: 0 to ${voted.options - 1}`
  return new AppError('validation_failed', { errors: [{ path: 'json.choices.0', message }] })
}
