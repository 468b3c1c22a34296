import type { UserRef } from '../contracts/http/common.ts'
import type { RecommendedUser } from '../contracts/http/recommendations.ts'
import { insertDismissal, readRecommendations } from '../db/statements/recommendations.ts'
import { AppError } from '../domain/errors.ts'
import { presentRecommendation } from '../views/present-recommendation.ts'
import type { Deps, Viewer } from './deps.ts'
import { readLagging } from './read-lagging.ts'

/** Whom the viewer might follow, the best first, each with the reason; as a replica knows them. */
export async function recommendUsers(deps: Deps, viewer: Viewer, limit: number): Promise<RecommendedUser[]> {
  const asked = { nowMs: deps.now(), limit }
  const rows = await deps.timed('db', () =>
    readLagging(deps, (db) => readRecommendations(db, viewer.id, asked)),
  )
  return (rows ?? []).map(presentRecommendation)
}

/** Recommends somebody to the viewer no more; again does nothing. Throws `user_not_found`, `suspended`. */
export async function dismissRecommendation(deps: Deps, viewer: Viewer, user: UserRef): Promise<void> {
  const outcome = await deps.timed('db', () => insertDismissal(deps.db, viewer.id, user))
  if (outcome !== 'done') throw new AppError(outcome)
}
