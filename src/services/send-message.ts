import type { UserRef } from '../contracts/http/common.ts'
import type { Message } from '../contracts/http/messages.ts'
import { insertMessage, type NewMessage, type Sent } from '../db/statements/send-message.ts'
import { AppError } from '../domain/errors.ts'
import { QUOTA_WINDOW_SECONDS } from '../domain/limits.ts'
import { checkMessage, MESSAGE_LENGTH_MAX } from '../domain/message-text.ts'
import { presentMessage } from '../views/present-message.ts'
import type { Deps, Viewer } from './deps.ts'
import { hashOf } from './hash-of.ts'

export interface MessageDraft {
  receiver: UserRef
  content: string
  idempotencyKey: string | null
}

/**
 * Sends a message in one round trip; both are told by the outbox. Throws `validation_failed`, `cannot_message_self`,
 * `user_not_found`, `blocked`, `forbidden` (the viewer blocks the receiver, or the receiver does not let them begin a
 * conversation), `suspended`, `rate_limited`, `idempotency_conflict`, and `message_not_found` for the repeat of a request
 * whose message was hidden since. When the database's answer is lost the request fails as `unavailable`: a client repeats
 * it under its Idempotency-Key.
 */
export async function sendMessage(deps: Deps, viewer: Viewer, draft: MessageDraft): Promise<Message> {
  const content = contentOf(draft)
  const message: NewMessage = {
    senderId: viewer.id,
    receiver: draft.receiver,
    content,
    idempotency: await idempotencyOf(draft.idempotencyKey, content),
  }
  const quota = {
    name: 'messages',
    limit: deps.settings.messagesPerDay,
    windowSeconds: QUOTA_WINDOW_SECONDS.messages,
  } as const
  const result = await deps.timed('db', () => insertMessage(deps.db, message, quota))
  switch (result.outcome) {
    case 'sent':
      deps.defer(deps.queues.sendOutbox(result.outbox))
      return presentMessage(result.message)
    case 'repeated':
      if (result.message !== null) return presentMessage(result.message)
      throw new AppError('message_not_found', { detail: 'The message of this key was deleted' })
    default:
      throw refusal(result)
  }
}

function contentOf(draft: MessageDraft): string {
  const check = checkMessage(draft.content)
  if (check.ok) return check.content
  const message =
    check.reason === 'blank'
      ? 'must say something'
      : `must have at most ${MESSAGE_LENGTH_MAX} characters, and has ${check.length}`
  throw new AppError('validation_failed', { errors: [{ path: 'json.content', message }] })
}

/** A key is shared with what else the viewer creates. To whom it is is added by the statement, which knows the id. */
async function idempotencyOf(key: string | null, content: string): Promise<NewMessage['idempotency']> {
  return key === null ? null : { key, requestHash: await hashOf(JSON.stringify(['message', content])) }
}

function refusal(result: Exclude<Sent, { outcome: 'sent' | 'repeated' }>): AppError {
  switch (result.outcome) {
    case 'rate_limited':
      return new AppError('rate_limited', {
        retryAfterSeconds: Math.max(1, result.retry_after_seconds),
        detail: 'This account has sent as many messages as a day allows',
      })
    case 'blocking':
      return new AppError('forbidden', { detail: 'You block this person: unblock them first' })
    case 'not_allowed':
      return new AppError('forbidden', { detail: 'This person does not take messages from you' })
    default:
      return new AppError(result.outcome)
  }
}
