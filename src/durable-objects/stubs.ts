import type { TimelineRpc } from '../contracts/timeline.ts'
import type { UserId } from '../domain/ids.ts'

/** The only place that names a timeline object. */
export function timelineStub(env: Env, user: UserId): TimelineRpc {
  return env.TIMELINES.getByName(String(user))
}
