import type { HomeMarker, MarkerResult } from '../contracts/timeline.ts'
import { AppError } from '../domain/errors.ts'
import { idFloor } from '../domain/ids.ts'
import type { Deps, Viewer } from './deps.ts'
import { unavailable } from './home-skeleton.ts'

/** Ids are made by machines whose clocks differ. */
const CLOCKS_APART_MS = 60_000
/** An object that restarts, as each does at a deployment, answers the second time; said twice, a marker stands where it did. */
const TRIES = 2

/** How far the viewer has read their home timeline; null when they never said. Throws `unavailable`, `unauthenticated`. */
export async function readMarker(deps: Deps, viewer: Viewer): Promise<HomeMarker | null> {
  return markerOf(deps, viewer, () => deps.timeline(viewer.id).marker())
}

/**
 * Says that the viewer has read as far as an entry, which their other sockets are told; never back. Answers the marker
 * that holds. Throws `validation_failed` for an id that is not made yet, `unavailable`, `unauthenticated`.
 */
export async function moveMarker(deps: Deps, viewer: Viewer, lastReadId: number): Promise<HomeMarker | null> {
  if (lastReadId >= idFloor(deps.now() + CLOCKS_APART_MS)) {
    const errors = [{ path: 'json.last_read_id', message: 'must be the id of a tweet or of a retweet' }]
    throw new AppError('validation_failed', { errors })
  }
  return markerOf(deps, viewer, () => deps.timeline(viewer.id).moveMarker(lastReadId))
}

async function markerOf(
  deps: Deps,
  viewer: Viewer,
  ask: () => Promise<MarkerResult>,
): Promise<HomeMarker | null> {
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    try {
      const result = await deps.timed('object', ask)
      if (result.ok) return result.marker
      throw result.code === 'unavailable' ? unavailable() : new AppError('unauthenticated')
    } catch (error) {
      if (error instanceof AppError) throw error
      deps.log.warn('timeline_failed', { user_id: viewer.id, attempt, error })
    }
  }
  throw unavailable()
}
