import type pg from 'pg'
import type { Db } from '../../../src/db/client.ts'
import { acceptRequest, declineRequest } from '../../../src/db/statements/conversations.ts'
import { hideMessage, markMessagesRead, readMessages } from '../../../src/db/statements/messages.ts'
import type { Quota } from '../../../src/db/statements/quotas.ts'
import { insertMessage, type NewMessage, type Sent } from '../../../src/db/statements/send-message.ts'
import { MAX_ID, type MessageId, type UserId } from '../../../src/domain/ids.ts'

/** More than any test uses. */
export const AMPLE_MESSAGES: Quota = { name: 'messages', limit: 1_000_000, windowSeconds: 86_400 }

/** One user's row of a conversation as it is stored. */
export interface StoredConversation {
  last_message_id: number | null
  unread_count: number
  is_accepted: boolean
}

/** What two people can do with messages, by their ids, and what the database then holds. */
export interface Messaging {
  send(from: UserId, to: UserId, changes?: Partial<NewMessage>, quota?: Quota): Promise<Sent>
  /** Sends, or fails. */
  sent(from: UserId, to: UserId, content?: string): Promise<MessageId>
  read(reader: UserId, other: UserId, upTo?: number): ReturnType<typeof markMessagesRead>
  hide(viewer: UserId, other: UserId, id: number): Promise<string>
  accept(viewer: UserId, other: UserId): Promise<string>
  decline(viewer: UserId, other: UserId): Promise<string>
  /** Ids of what somebody sees of a conversation, newest first. */
  seen(viewer: UserId, other: UserId): Promise<number[] | null>
  conversation(user: UserId, other: UserId): Promise<StoredConversation | null>
}

export function messagingIn(db: Db, pool: pg.Pool): Messaging {
  function send(from: UserId, to: UserId, changes: Partial<NewMessage> = {}, quota = AMPLE_MESSAGES) {
    const message = { senderId: from, receiver: { id: to }, content: 'hello', idempotency: null, ...changes }
    return insertMessage(db, message, quota)
  }
  return {
    send,
    async sent(from, to, content = 'hello') {
      const result = await send(from, to, { content })
      if (result.outcome !== 'sent') throw new Error(`Not sent: ${result.outcome}`)
      return result.message.id
    },
    read: (reader, other, upTo = MAX_ID) => markMessagesRead(db, reader, { id: other }, upTo as MessageId),
    hide: async (viewer, other, id) =>
      (await hideMessage(db, viewer, { id: other }, id as MessageId)).outcome,
    accept: async (viewer, other) => (await acceptRequest(db, viewer, { id: other })).outcome,
    decline: async (viewer, other) => (await declineRequest(db, viewer, { id: other })).outcome,
    async seen(viewer, other) {
      const page = { after: null, offset: 0, limit: 1_000 }
      return (await readMessages(db, viewer, { id: other }, page))?.map(({ place }) => place) ?? null
    },
    async conversation(user, other) {
      const { rows } = await pool.query<StoredConversation>(
        `select last_message_id::float8 as last_message_id, unread_count, is_accepted
         from conversations where user_id = $1 and other_id = $2`,
        [user, other],
      )
      return rows[0] ?? null
    },
  }
}

/** Conversations that are not what their messages say, of all there are: none, unless something is wrong. */
export const WRONG_CONVERSATIONS = `
  with kept as (
    select m.id, side.user_id, side.other_id, m.receiver_id = side.user_id and not m.is_read as is_unread
    from direct_messages m
    cross join lateral (
      values (m.sender_id, m.receiver_id, m.hidden_by_sender),
             (m.receiver_id, m.sender_id, m.hidden_by_receiver)) side(user_id, other_id, is_hidden)
    where not side.is_hidden
  ), counted as (
    select user_id, other_id, max(id) as last_message_id, count(*) filter (where is_unread) as unread_count
    from kept
    group by user_id, other_id
  )
  select *
  from conversations c
  full join counted k using (user_id, other_id)
  where c.last_message_id is distinct from k.last_message_id
     or coalesce(c.unread_count, 0) <> coalesce(k.unread_count, 0)`
