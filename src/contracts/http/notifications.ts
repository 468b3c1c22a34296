import { z } from '@hono/zod-openapi'
import { isId } from '../../domain/ids.ts'
import { AUDIENCES, NOTIFICATION_TYPES, type NotificationType } from '../../domain/notifications.ts'
import { optional, pageQuery, pagination } from './common.ts'
import { tweet } from './tweets.ts'
import { userCard } from './users.ts'

const type = z.enum(NOTIFICATION_TYPES)

export const notification = z
  .object({
    id: z.number().int(),
    type,
    actor: userCard,
    tweet: tweet.optional().openapi({ description: 'The tweet that was liked, or the one that was written' }),
    is_read: z.boolean(),
    created_at: z.string(),
  })
  .openapi('Notification')
export type Notification = z.infer<typeof notification>

/** Notifications of one type on one tweet, or of one day where there is no tweet. */
export const notificationGroup = z
  .object({
    id: z.number().int().openapi({ description: 'Of the newest notification in it' }),
    type,
    actors: z.array(userCard).openapi({ description: 'The newest few, newest first' }),
    actor_count: z.number().int().openapi({ description: 'How many there are in all' }),
    summary: z.string().openapi({ example: 'Ada, Grace and 40 others liked your tweet' }),
    tweet: tweet.optional(),
    is_read: z.boolean(),
    created_at: z.string().openapi({ description: 'When the newest was' }),
  })
  .openapi('NotificationGroup')
export type NotificationGroup = z.infer<typeof notificationGroup>

/** A list in one parameter, as `types=like,follow`. */
const types = z
  .string()
  .max(200)
  .transform((text, context): NotificationType[] => {
    const parsed = z.array(type).safeParse(text.split(','))
    if (parsed.success) return [...new Set(parsed.data)]
    context.addIssue(`must be some of ${NOTIFICATION_TYPES.join(', ')}, separated by commas`)
    return z.NEVER
  })

const flag = z.enum(['true', 'false']).optional()

export const notificationQuery = pageQuery.extend({
  unread: flag.openapi({ description: '`true` leaves only what is unread' }),
  types: types.optional().openapi({ type: 'string', example: 'mention,reply' }),
  grouped: flag.openapi({ description: '`true` puts those of one type on one tweet together' }),
})
export type NotificationQuery = z.infer<typeof notificationQuery>

const unreadCount = z.number().int()

export const notificationPage = z
  .object({ notifications: z.array(notification), unread_count: unreadCount, pagination })
  .openapi('NotificationPage')
export type NotificationPage = z.infer<typeof notificationPage>

export const notificationGroupPage = z
  .object({ notifications: z.array(notificationGroup), unread_count: unreadCount, pagination })
  .openapi('NotificationGroupPage')
export type NotificationGroupPage = z.infer<typeof notificationGroupPage>

export const readAllRequest = z
  .object({
    up_to_id: optional(z.number().refine(isId, 'must be an id')).openapi({
      type: ['integer', 'null'],
      description:
        'The newest notification that was seen: what has come since stays unread. All, if it is not given',
    }),
  })
  .openapi('ReadAllRequest')

export const unreadAnswer = z.object({ unread_count: unreadCount }).openapi('UnreadAnswer')

const audience = z.enum(AUDIENCES)

export const notificationPreferences = z
  .object({
    like: audience,
    retweet: audience,
    quote: audience,
    reply: audience,
    mention: audience,
    follow: audience,
    follow_request: audience,
    poll: audience,
    tweet: audience,
  })
  .openapi('NotificationPreferences', { description: 'By type: whose actions one is notified of' })
export type NotificationPreferences = z.infer<typeof notificationPreferences>

export const changePreferencesRequest = z
  .object({
    like: optional(audience),
    retweet: optional(audience),
    quote: optional(audience),
    reply: optional(audience),
    mention: optional(audience),
    follow: optional(audience),
    follow_request: optional(audience),
    poll: optional(audience),
    tweet: optional(audience),
  })
  .openapi('ChangePreferencesRequest', { description: 'Types that are absent stay as they are' })
export type ChangePreferencesRequest = z.infer<typeof changePreferencesRequest>
