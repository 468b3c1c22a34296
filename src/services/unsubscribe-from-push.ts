import { deletePushSubscription } from '../db/statements/push-subscriptions.ts'
import { AppError } from '../domain/errors.ts'
import type { Deps, Viewer } from './deps.ts'
import { requirePush } from './require-push.ts'

/** Ends one of the viewer's subscriptions. Throws `unavailable`, `push_subscription_not_found`. */
export async function unsubscribeFromPush(deps: Deps, viewer: Viewer, id: number): Promise<void> {
  requirePush(deps)
  const wasThere = await deps.timed('db', () => deletePushSubscription(deps.db, viewer.id, id))
  if (!wasThere) throw new AppError('push_subscription_not_found')
}
