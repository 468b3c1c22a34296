import type { PushSubscription } from '../contracts/http/push.ts'
import type { PushSubscriptionRow } from '../db/statements/push-subscriptions.ts'

/** A subscription as its owner sees it, who may be somebody else than the browser's: without the endpoint's secret. */
export function presentPushSubscription({
  id,
  endpoint,
  created_at_ms,
}: PushSubscriptionRow): PushSubscription {
  return { id, origin: new URL(endpoint).origin, created_at: new Date(created_at_ms).toISOString() }
}
