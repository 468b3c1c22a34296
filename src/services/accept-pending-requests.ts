import type { EngagementEvent } from '../contracts/queues.ts'
import { acceptRequests, readOldestRequests } from '../db/statements/follow-requests.ts'
import type { UserId } from '../domain/ids.ts'
import type { Deps } from './deps.ts'

/** Requests in one step: each is a lock, and some ten rows. */
const REQUESTS_PER_STEP = 200

interface Acceptance {
  outbox_id: number
  event: Extract<EngagementEvent['event'], { type: 'accept_requests' }>
}

/** One step of accepting all who asked to follow an account that is public now; asks for the next one when some are left. */
export async function acceptPendingRequests(
  deps: Deps,
  { outbox_id: id, event }: Acceptance,
  requests = REQUESTS_PER_STEP,
): Promise<void> {
  const owner = event.user_id as UserId
  const requesters = await readOldestRequests(deps.db, owner, requests)
  const step = await acceptRequests(deps.db, id, owner, requesters)
  const next = step.left ? [{ id, queue: 'engagement' as const, message: event }] : []
  await deps.queues.sendOutbox([...step.outbox, ...next])
  if (step.subjects.length > 0) await deps.queues.sendFold(step.subjects)
}
