import { AppError } from '../domain/errors.ts'
import type { TweetId } from '../domain/ids.ts'
import { checkPollOptions } from '../domain/poll-rules.ts'
import {
  checkContent,
  extractEntities,
  type TweetEntities,
  uniqueMentions,
  uniqueTags,
} from '../domain/tweet-text.ts'

/** A tweet as it is asked for. */
export interface TweetDraft {
  content: string
  isSensitive: boolean
  replyToId: TweetId | null
  quoteTweetId: TweetId | null
  poll: { options: readonly string[]; durationMinutes: number } | null
}

/** A draft normalized and judged, with what its text names. */
export interface CheckedTweet extends TweetText, Omit<TweetDraft, 'content' | 'poll'> {
  poll: { options: string[]; durationMinutes: number } | null
}

interface TweetText {
  content: string
  entities: TweetEntities
  tags: string[]
  mentioned: string[]
}

/** Throws `validation_failed`; `path` is where the draft stands in the request. */
export function checkDraft(draft: TweetDraft, path: string): CheckedTweet {
  const mayBeBlank = draft.poll !== null || draft.quoteTweetId !== null
  return {
    ...draft,
    ...checkText(draft.content, { mayBeBlank, path }),
    poll: draft.poll === null ? null : checkPoll(draft.poll, path),
  }
}

/** A tweet's text with what it names. Throws `validation_failed`. */
export function checkText(
  raw: string,
  { mayBeBlank, path }: { mayBeBlank: boolean; path: string },
): TweetText {
  const check = checkContent(raw, { mayBeBlank })
  if (!check.ok) {
    const message =
      check.reason === 'blank'
        ? 'must say something'
        : `must have at most 280 characters, and has ${check.length}`
    throw invalid(`${path}.content`, message)
  }
  const entities = extractEntities(check.content)
  return {
    content: check.content,
    entities,
    tags: uniqueTags(entities),
    mentioned: uniqueMentions(entities),
  }
}

function checkPoll(
  { options, durationMinutes }: NonNullable<TweetDraft['poll']>,
  path: string,
): CheckedTweet['poll'] {
  const check = checkPollOptions(options)
  if (check.ok) return { options: check.options, durationMinutes }
  throw invalid(`${path}.poll.options${check.position === null ? '' : `.${check.position}`}`, check.message)
}

function invalid(path: string, message: string): AppError {
  return new AppError('validation_failed', { errors: [{ path, message }] })
}
