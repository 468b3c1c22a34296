import { z } from '@hono/zod-openapi'
import { isId, type MessageId } from '../../domain/ids.ts'
import { MESSAGE_LENGTH_MAX } from '../../domain/message-text.ts'
import { AUDIENCES } from '../../domain/notifications.ts'
import { optional, pagination } from './common.ts'
import { userCard } from './users.ts'

export const message = z
  .object({
    id: z.number().int(),
    sender_id: z.number().int(),
    receiver_id: z.number().int(),
    content: z.string(),
    media_url: z.string().nullable(),
    is_read: z
      .boolean()
      .openapi({ description: 'The receiver has read it; never true while it is a request' }),
    created_at: z.string(),
  })
  .openapi('Message')
export type Message = z.infer<typeof message>

export const messagePage = z.object({ messages: z.array(message), pagination }).openapi('MessagePage')

const conversation = z
  .object({
    user: userCard.openapi({ description: 'The other one' }),
    last_message: message,
    unread_count: z.number().int(),
  })
  .openapi('Conversation')
export type Conversation = z.infer<typeof conversation>

export const conversationPage = z
  .object({ conversations: z.array(conversation), pagination })
  .openapi('ConversationPage')
export type ConversationPage = z.infer<typeof conversationPage>

/** Longer than any content before normalization could need; what is longer is refused before it is looked at. */
const CONTENT_UNITS_MAX = 100_000

export const newMessageRequest = z
  .object({
    content: z
      .string()
      .max(CONTENT_UNITS_MAX)
      .openapi({
        maxLength: MESSAGE_LENGTH_MAX,
        description: `At most ${MESSAGE_LENGTH_MAX} code points after NFC; not blank, as there is no media yet`,
      }),
    media_url: optional(
      z
        .string()
        .refine(() => false, 'must be null: media of this deployment cannot be uploaded yet')
        .openapi({ description: 'Null: nothing can be uploaded yet' }),
    ),
  })
  .openapi('NewMessage')

export const readMessagesRequest = z
  .object({
    up_to_id: z
      .number()
      .refine(isId, 'must be an id')
      .transform((id) => id as MessageId)
      .openapi({ type: 'integer', format: 'int64', description: 'The newest message that was read' }),
  })
  .openapi('ReadMessages')

export const unreadMessages = z.object({ unread_count: z.number().int() }).openapi('UnreadMessages')

export const messageSettings = z
  .object({ allow_from: z.enum(AUDIENCES).openapi({ description: 'Who may begin a conversation' }) })
  .openapi('MessageSettings')
