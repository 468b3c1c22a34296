import type { NewTweetRequest } from '../contracts/http/tweets.ts'
import type { TweetDraft } from '../services/check-draft.ts'

/** What a request asks to be posted. */
export function draftOf(request: NewTweetRequest): TweetDraft {
  const { poll } = request
  return {
    content: request.content,
    isSensitive: request.is_sensitive ?? false,
    replyToId: request.reply_to_id ?? null,
    quoteTweetId: request.quote_tweet_id ?? null,
    poll: poll == null ? null : { options: poll.options, durationMinutes: poll.duration_minutes },
  }
}
