import { z } from 'zod'
import type { TimelineOp, Unread } from '../../src/contracts/timeline.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import type { TimelineStore } from '../../src/durable-objects/timeline/store.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { insertPerson, markWarm, timelineOf } from './people.ts'
import { NOW_MS, warmObject } from './stores.ts'
import type { Frame } from './stream-client.ts'

/** The epoch of timelines that are warm by `warmPerson`. */
export const EPOCH = 1

/** A person with a warm and empty timeline. */
export async function warmPerson(): Promise<Viewer> {
  const person = await insertPerson()
  await markWarm([person])
  await warmObject(timelineOf(person), person.id, { followees: [], dropped: [] }, { epoch: EPOCH })
  return person
}

export const tell = (person: Viewer, ...ops: TimelineOp[]) => timelineOf(person).apply(ops)

export const seqsOf = (frames: readonly Frame[]) => frames.map(({ seq }) => Number(seq.split('.')[1]))
export const typesOf = (frames: readonly Frame[]) => frames.map(({ type }) => type)

const notificationData = z.looseObject({
  id: z.number(),
  unread_count: z.number(),
  coalesced: z.number().optional(),
})

export function notificationsIn(frames: readonly Frame[]): z.infer<typeof notificationData>[] {
  return frames.flatMap(({ type, data }) => (type === 'notification' ? notificationData.parse(data) : []))
}

export const unread = (count: number, version: number): Unread => ({ count, version })

/** That somebody liked tweet 1, unless told. By default each is one more that is unread. */
export function notify(
  id: number,
  unread: Unread = { count: id, version: id },
  { type = 'like', tweet = 1 }: { type?: string; tweet?: number | null } = {},
): TimelineOp {
  const tweetId = tweet as TweetId | null
  const json = JSON.stringify({ id, type, actor: { username: 'a "quoted" name' }, is_read: false })
  return { type: 'notification', notification: { id, type, tweetId, json }, unread }
}

export const withdraw = (ids: number[], unread: Unread): TimelineOp => ({
  type: 'notifications_withdrawn',
  ids,
  unread,
})

export const read = (id: number, unread: Unread): TimelineOp => ({
  type: 'notifications_read',
  id,
  upToId: null,
  unread,
})

export const readUpTo = (upToId: number, unread: Unread): TimelineOp => ({
  type: 'notifications_read',
  id: null,
  upToId,
  unread,
})

export const message = (id: number): TimelineOp => ({
  type: 'message',
  id,
  json: `{"id":${id},"content":"Hello"}`,
})

export const messagesRead = (readerId: number, otherId: number, upToId: number): TimelineOp => ({
  type: 'messages_read',
  readerId: readerId as UserId,
  otherId: otherId as UserId,
  upToId,
})

/** What sockets are shown of operations, in short, and the count that their frames say by then. */
export function shownOf(store: TimelineStore, ops: readonly TimelineOp[]): unknown[] {
  return ops.map((op) => {
    const effect = store.apply(op, NOW_MS)
    if (effect?.type === 'count') return ['count', store.unreadCount]
    return effect?.type === 'told' ? [...told(effect.telling), store.unreadCount] : null
  })
}

export function missedSince(store: TimelineStore, seq: number): unknown[] | null {
  const missed = store.shownSince(seq)
  return (
    missed?.map((shown) => [shown.seq, ...(shown.type === 'told' ? told(shown.telling) : [shown.type])]) ??
    null
  )
}

function told(telling: TimelineOp): unknown[] {
  switch (telling.type) {
    case 'notification':
      return ['notification', telling.notification.id]
    case 'notifications_withdrawn':
      return ['withdrawn', telling.ids]
    case 'notifications_read':
      return ['read', telling.id ?? `up to ${telling.upToId}`]
    case 'messages_read':
      return ['messages read', telling.upToId]
    case 'message':
      return ['message', telling.id]
    default:
      return [telling.type]
  }
}
