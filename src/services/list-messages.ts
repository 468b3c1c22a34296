import type { UserRef } from '../contracts/http/common.ts'
import type { Message } from '../contracts/http/messages.ts'
import { readMessages } from '../db/statements/messages.ts'
import type { ListPage } from '../db/statements/places.ts'
import { AppError } from '../domain/errors.ts'
import { presentMessage } from '../views/present-message.ts'
import type { Deps, Viewer } from './deps.ts'
import { pageOf } from './page-of.ts'

export interface MessagesPage {
  messages: Message[]
  /** After which the next page begins; null at the end. */
  nextAfter: number | null
}

/** What the viewer and another wrote to each other, newest first. Marks nothing as read. Throws `user_not_found`. */
export async function listMessages(
  deps: Deps,
  viewer: Viewer,
  other: UserRef,
  page: ListPage<number>,
): Promise<MessagesPage> {
  const rows = await deps.timed('db', () =>
    readMessages(deps.db, viewer.id, other, { ...page, limit: page.limit + 1 }),
  )
  if (rows === null) throw new AppError('user_not_found')
  const { shown, nextAfter } = pageOf(rows, page.limit)
  return { messages: shown.map(({ message }) => presentMessage(message)), nextAfter }
}
