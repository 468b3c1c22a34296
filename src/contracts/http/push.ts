import { z } from '@hono/zod-openapi'
import { isAuthSecret, isP256Point } from '../../domain/push-keys.ts'
import { rowIdParam } from './common.ts'

/** More than `pushEndpoint` takes; what is longer is refused before it is looked at. */
const ENDPOINT_UNITS_MAX = 4_000

export const pushSubscriptionIdParam = rowIdParam

export const pushSubscriptionRequest = z
  .object({
    endpoint: z.string().max(ENDPOINT_UNITS_MAX).openapi({
      maxLength: 2_000,
      description: 'Of a push service that is known here, by https',
      example: 'https://fcm.googleapis.com/fcm/send/dGhlIGVuZHBvaW50',
    }),
    keys: z.object({
      p256dh: z
        .string()
        .refine(isP256Point, 'must be an uncompressed point of P-256, 65 bytes in base64url')
        .openapi({
          example: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
        }),
      auth: z
        .string()
        .refine(isAuthSecret, 'must be 16 bytes in base64url')
        .openapi({ example: 'BTBZMqHH6r4Tts7J_aSIgg' }),
    }),
  })
  .openapi('PushSubscriptionRequest', { description: 'As `PushSubscription.toJSON()` gives it in a browser' })

export const pushSubscription = z
  .object({
    id: z.number().int(),
    origin: z.string().openapi({
      description: 'Of its endpoint; the rest of it is a secret of the browser’s',
      example: 'https://fcm.googleapis.com',
    }),
    created_at: z.string(),
  })
  .openapi('PushSubscription')
export type PushSubscription = z.infer<typeof pushSubscription>

export const pushSubscriptionList = z
  .object({
    public_key: z.string().openapi({ description: '`applicationServerKey` of `PushManager.subscribe()`' }),
    subscriptions: z.array(pushSubscription),
  })
  .openapi('PushSubscriptionList')
