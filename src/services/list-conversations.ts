import type { Conversation } from '../contracts/http/messages.ts'
import { readConversations } from '../db/statements/conversations.ts'
import type { ListPage } from '../db/statements/places.ts'
import { presentConversation } from '../views/present-message.ts'
import type { Deps, Viewer } from './deps.ts'
import { pageOf } from './page-of.ts'

export interface ConversationsPage {
  conversations: Conversation[]
  /** After which the next page begins; null at the end. */
  nextAfter: number | null
}

/** The viewer's conversations, or what strangers began and the viewer has not accepted; the newest message first. */
export async function listConversations(
  deps: Deps,
  viewer: Viewer,
  kind: 'accepted' | 'requests',
  page: ListPage<number>,
): Promise<ConversationsPage> {
  const rows = await deps.timed('db', () =>
    readConversations(deps.db, viewer.id, kind, { ...page, limit: page.limit + 1 }),
  )
  const { shown, nextAfter } = pageOf(rows, page.limit)
  return { conversations: shown.map(presentConversation), nextAfter }
}
