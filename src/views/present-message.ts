import type { Conversation, Message } from '../contracts/http/messages.ts'
import type { ConversationRow } from '../db/statements/conversations.ts'
import type { MessageRow } from '../db/statements/message-columns.ts'
import { presentUserCard } from './present-profile.ts'

export function presentMessage(row: MessageRow): Message {
  return {
    id: row.id,
    sender_id: row.sender_id,
    receiver_id: row.receiver_id,
    content: row.content,
    media_url: row.media_url,
    is_read: row.is_read,
    created_at: new Date(row.created_at_ms).toISOString(),
  }
}

export function presentConversation({ user, last_message, unread_count }: ConversationRow): Conversation {
  return { user: presentUserCard(user), last_message: presentMessage(last_message), unread_count }
}
