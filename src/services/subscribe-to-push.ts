import { Buffer } from 'node:buffer'
import {
  insertPushSubscription,
  type NewPushSubscription,
  type PushSubscriptionRow,
} from '../db/statements/push-subscriptions.ts'
import { AppError } from '../domain/errors.ts'
import { pushEndpoint } from '../domain/push-services.ts'
import type { Deps, Viewer } from './deps.ts'
import { requirePush } from './require-push.ts'

/**
 * Has the viewer's notifications pushed to a browser until their session ends; again keeps the subscription that is there.
 * Throws `unavailable` where there is no Web Push, `validation_failed` for an endpoint of no push service that is known
 * here or a key that is none, `unauthenticated` once the session has ended, `suspended`.
 */
export async function subscribeToPush(
  deps: Deps,
  viewer: Viewer,
  { endpoint, p256dh, auth }: NewPushSubscription,
): Promise<{ isNew: boolean; subscription: PushSubscriptionRow }> {
  const { services } = requirePush(deps)
  const called = pushEndpoint(endpoint, services)
  if (called === null) throw refused('endpoint', 'must be of a push service that is known here')
  if (!(await isOnCurve(p256dh))) throw refused('keys.p256dh', 'must be a point of P-256')
  const result = await deps.timed('db', () =>
    insertPushSubscription(deps.db, viewer.id, viewer.sessionId, { endpoint: called, p256dh, auth }),
  )
  if (result.outcome !== 'subscribed') throw new AppError(result.outcome)
  return { isNew: result.isNew, subscription: result.subscription }
}

/** What is no key could never be encrypted for. */
async function isOnCurve(point: string): Promise<boolean> {
  const bytes = Buffer.from(point, 'base64url')
  try {
    await crypto.subtle.importKey('raw', bytes, { name: 'ECDH', namedCurve: 'P-256' }, false, [])
    return true
  } catch {
    return false
  }
}

function refused(field: string, message: string): AppError {
  return new AppError('validation_failed', { errors: [{ path: `json.${field}`, message }] })
}
