/** Every way a request can fail that we expect: the closed set of problem codes, with status and title. */
export const PROBLEMS = {
  validation_failed: [400, 'The request is not valid'],
  malformed_json: [400, 'The body is not JSON'],
  cannot_follow_self: [400, 'One cannot follow oneself'],
  cannot_block_self: [400, 'One cannot block oneself'],
  cannot_mute_self: [400, 'One cannot mute oneself'],
  cannot_message_self: [400, 'One cannot write to oneself'],
  offset_too_large: [400, 'The offset is too large'],
  invalid_cursor: [400, 'The cursor is not valid'],
  unauthenticated: [401, 'Sign in first'],
  token_expired: [401, 'The token has expired'],
  invalid_credentials: [401, 'The name or the password is wrong'],
  invalid_refresh_token: [401, 'The refresh token is not valid'],
  forbidden: [403, 'Not allowed'],
  suspended: [403, 'This account is suspended'],
  blocked: [403, 'This person has blocked you'],
  edit_closed: [403, 'This tweet can no longer be edited'],
  route_not_found: [404, 'There is nothing here'],
  user_not_found: [404, 'There is no such user'],
  tweet_not_found: [404, 'There is no such tweet'],
  poll_not_found: [404, 'This tweet has no poll'],
  session_not_found: [404, 'There is no such session'],
  notification_not_found: [404, 'There is no such notification'],
  message_not_found: [404, 'There is no such message'],
  follow_request_not_found: [404, 'There is no such follow request'],
  message_request_not_found: [404, 'There is no such message request'],
  push_subscription_not_found: [404, 'There is no such push subscription'],
  muted_word_not_found: [404, 'There is no such muted word'],
  list_not_found: [404, 'There is no such list'],
  archive_not_found: [404, 'There is no such archive'],
  method_not_allowed: [405, 'Not with this method'],
  username_taken: [409, 'The username is taken'],
  email_taken: [409, 'The e-mail address is taken'],
  idempotency_conflict: [409, 'The Idempotency-Key was used with another body'],
  already_voted: [409, 'One votes once, and this vote was for another option'],
  poll_closed: [409, 'The poll has ended'],
  not_following: [409, 'You do not follow this person'],
  too_many_muted_words: [409, 'There are as many muted words as one may have'],
  too_many_lists: [409, 'One has at most 100 lists'],
  list_full: [409, 'A list has at most 500 members'],
  conflict: [409, 'Something else changed this at the same time'],
  payload_too_large: [413, 'The body is too large'],
  unsupported_media_type: [415, 'The body must be JSON'],
  upgrade_required: [426, 'Connect with a WebSocket'],
  rate_limited: [429, 'Too many requests'],
  internal: [500, 'Something went wrong'],
  unavailable: [503, 'Not available for the moment'],
} as const satisfies Record<string, readonly [status: number, title: string]>

export type ProblemCode = keyof typeof PROBLEMS
export type ProblemStatus = (typeof PROBLEMS)[ProblemCode][0]

/** One input that was refused: where it stands in the request, and why. */
export interface ProblemField {
  path: string
  message: string
}

interface AppErrorDetails {
  /** A sentence for the developer who reads the answer. Never holds another user's data. */
  detail?: string
  errors?: ProblemField[]
  /** Seconds until it is worth trying again: sent as `Retry-After`. */
  retryAfterSeconds?: number
  cause?: unknown
}

/** An expected failure. Thrown by services, answered as a problem document by the one error handler. */
export class AppError extends Error {
  readonly code: ProblemCode
  readonly detail: string | undefined
  readonly errors: ProblemField[] | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(code: ProblemCode, details: AppErrorDetails = {}) {
    super(details.detail ?? PROBLEMS[code][1], { cause: details.cause })
    this.name = 'AppError'
    this.code = code
    this.detail = details.detail
    this.errors = details.errors
    this.retryAfterSeconds = details.retryAfterSeconds
  }

  get status(): ProblemStatus {
    return PROBLEMS[this.code][0]
  }
}
