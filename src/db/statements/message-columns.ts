import { type SQL, sql } from 'drizzle-orm'
import type { MessageId, UserId } from '../../domain/ids.ts'

export interface MessageRow {
  id: MessageId
  sender_id: UserId
  receiver_id: UserId
  content: string
  media_url: string | null
  is_read: boolean
  created_at_ms: number
}

/** The message `m` as the JSON of a MessageRow. */
export const messageRecord: SQL = sql.raw(`json_build_object(
    'id', m.id,
    'sender_id', m.sender_id,
    'receiver_id', m.receiver_id,
    'content', m.content,
    'media_url', m.media_url,
    'is_read', m.is_read,
    'created_at_ms', (extract(epoch from m.created_at) * 1000)::float8)`)
