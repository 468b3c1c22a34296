import { type PushSubscriptionRow, selectPushSubscriptions } from '../db/statements/push-subscriptions.ts'
import type { Deps, Viewer } from './deps.ts'
import { requirePush } from './require-push.ts'

/** Where the viewer is pushed to, the newest first, and the key that a browser subscribes under. Throws `unavailable`. */
export async function listPushSubscriptions(
  deps: Deps,
  viewer: Viewer,
): Promise<{ publicKey: string; subscriptions: PushSubscriptionRow[] }> {
  const { publicKey } = requirePush(deps).keys
  const subscriptions = await deps.timed('db', () => selectPushSubscriptions(deps.db, viewer.id))
  return { publicKey, subscriptions }
}
