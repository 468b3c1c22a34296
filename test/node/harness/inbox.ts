import { z } from 'zod'
import { messagePage } from '../../../src/contracts/http/messages.ts'
import { type Notification, notificationPage } from '../../../src/contracts/http/notifications.ts'
import { done, type Person } from './client.ts'
import type { Frame } from './live-socket.ts'
import type { Stack } from './stack.ts'

export interface Inbox {
  unread: number
  /** Newest first. */
  notifications: Notification[]
}

/** All of somebody's notifications, page by page. */
export async function inboxOf(stack: Stack, { token }: Person): Promise<Inbox> {
  const notifications: Notification[] = []
  for (let cursor: string | null = ''; ; ) {
    const from: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const answer = await done(stack, 'GET', `/notifications?limit=100${from}`, { token })
    const page = notificationPage.parse(answer)
    notifications.push(...page.notifications)
    cursor = page.pagination.next_cursor
    if (cursor === null) return { unread: page.unread_count, notifications }
  }
}

/** The ids of the newest messages that somebody has with another, newest first. */
export async function messagesWith(stack: Stack, { token }: Person, other: Person): Promise<number[]> {
  const page = messagePage.parse(await done(stack, 'GET', `/messages/${other.id}`, { token }))
  return page.messages.map(({ id }) => id)
}

const told = z.object({ id: z.number(), unread_count: z.number() })
const withdrawn = z.object({ ids: z.array(z.number()), unread_count: z.number() })
const counted = z.object({ unread_count: z.number() })
const message = z.object({ id: z.number() })

/** What a client knows by the frames that it was shown since it last began anew. */
export interface Shown {
  /** Whether there was a before. */
  wasReset: boolean
  /** Ids of notifications, ascending. */
  notifications: number[]
  /** Null where no frame has said it. */
  unread: number | null
  /** Ids of messages, in the order in which they came. */
  messages: number[]
  /** Ids of notifications and messages that were shown again. */
  repeats: number[]
}

export function shownBy(frames: readonly Frame[]): Shown {
  const start = frames.findLastIndex(({ type }) => type === 'reset') + 1
  const held = new Set<number>()
  const seen = new Set<number>()
  const shown: Shown = { wasReset: start > 0, notifications: [], unread: null, messages: [], repeats: [] }
  for (const { type, data } of frames.slice(start)) {
    switch (type) {
      case 'notification': {
        const { id, unread_count } = told.parse(data)
        if (seen.has(id)) shown.repeats.push(id)
        seen.add(id)
        held.add(id)
        shown.unread = unread_count
        break
      }
      case 'notification_withdrawn': {
        const { ids, unread_count } = withdrawn.parse(data)
        for (const id of ids) held.delete(id)
        shown.unread = unread_count
        break
      }
      case 'notifications_read':
        shown.unread = counted.parse(data).unread_count
        break
      case 'message': {
        const { id } = message.parse(data)
        if (shown.messages.includes(id)) shown.repeats.push(id)
        shown.messages.push(id)
      }
    }
  }
  return { ...shown, notifications: [...held].toSorted((a, b) => a - b) }
}
