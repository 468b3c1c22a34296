import { z } from 'zod'
import { NOTIFICATION_TYPES } from '../domain/notifications.ts'

/** What a push brings to the browser's service worker, as JSON: what it shows, and where that leads. */
export const pushPayload = z.object({
  /** Of the notification, or of the message. */
  id: z.number().int(),
  type: z.enum([...NOTIFICATION_TYPES, 'message']),
  title: z.string(),
  body: z.string(),
  /** A path of the client's. */
  url: z.string(),
  /** Notifications; or, with a message, what is unread of its conversation. */
  unread_count: z.number().int(),
})
export type PushPayload = z.infer<typeof pushPayload>
