import type { UserRef } from '../contracts/http/common.ts'
import type { OwnProfile, UpdateProfileRequest } from '../contracts/http/users.ts'
import type { ReaderPreferences, TimelineOp } from '../contracts/timeline.ts'
import { ACCEPTED_AT_ONCE } from '../db/statements/follow-requests.ts'
import { type ProfileChanges, updateProfile as storeProfile } from '../db/statements/update-profile.ts'
import { AppError } from '../domain/errors.ts'
import { isBirthDate } from '../domain/profile.ts'
import { presentOwnProfile } from '../views/present-profile.ts'
import type { Deps, Viewer } from './deps.ts'
import { isViewer } from './is-viewer.ts'
import { tellOwnTimeline } from './tell-own-timeline.ts'

/**
 * Changes the viewer's own profile and answers it. Who asked to follow an account that is made public follows it by then,
 * where they are `acceptedAtOnce` at most, and else step by step. Throws `forbidden` for anybody else's, `validation_failed`,
 * `suspended`.
 */
export async function updateProfile(
  deps: Deps,
  viewer: Viewer,
  user: UserRef,
  asked: UpdateProfileRequest,
  acceptedAtOnce = ACCEPTED_AT_ONCE,
): Promise<OwnProfile> {
  if (!isViewer(viewer, user))
    throw new AppError('forbidden', { detail: 'A profile is changed by its owner' })
  requireBirthDate(asked.birth_date ?? null, deps.now())
  const updated = await deps.timed('db', () =>
    storeProfile(deps.db, viewer.id, toChanges(asked), acceptedAtOnce),
  )
  switch (updated.outcome) {
    case 'updated':
      if (updated.outbox.length > 0) deps.defer(deps.queues.sendOutbox(updated.outbox))
      if (updated.subjects.length > 0) deps.defer(deps.queues.sendFold(updated.subjects))
      await tellOwn(deps, viewer, asked, updated.preferences)
      return presentOwnProfile(updated.profile)
    case 'foreign_media': {
      const message = 'must be null or the URL it has: media of this deployment cannot be uploaded yet'
      const errors = updated.fields.map((field) => ({ path: `json.${field}`, message }))
      throw new AppError('validation_failed', { errors })
    }
    default:
      throw new AppError(updated.outcome)
  }
}

/** The viewer's next read of their own timeline shows what they changed: told in one call, if anything is. */
async function tellOwn(
  deps: Deps,
  viewer: Viewer,
  asked: UpdateProfileRequest,
  preferences: ReaderPreferences | null,
): Promise<void> {
  const ops: TimelineOp[] = []
  if (showsOnCards(asked)) ops.push({ type: 'own_card_changed', atMs: deps.now() })
  if (preferences !== null) ops.push({ type: 'preferences', ...preferences })
  if (ops.length > 0) await tellOwnTimeline(deps, viewer.id, ops)
}

/** What others see of it on cards they hear of as pages are freshened; the viewer sees it on their next read. */
function showsOnCards({ display_name, avatar_url }: UpdateProfileRequest): boolean {
  return display_name != null || avatar_url !== undefined
}

function requireBirthDate(birthDate: string | null, nowMs: number): void {
  const today = new Date(nowMs).toISOString().slice(0, 10)
  if (birthDate === null || isBirthDate(birthDate, today)) return
  const message = 'must be a day from 1900 until today, as YYYY-MM-DD'
  throw new AppError('validation_failed', { errors: [{ path: 'json.birth_date', message }] })
}

/** Null clears what may be empty (an empty text is stored as null) and means absent elsewhere. */
function toChanges(asked: UpdateProfileRequest): ProfileChanges {
  return {
    display_name: asked.display_name ?? undefined,
    bio: asked.bio ?? undefined,
    location: asked.location === '' ? null : asked.location,
    website: asked.website === '' ? null : asked.website,
    birth_date: asked.birth_date,
    avatar_url: asked.avatar_url,
    cover_url: asked.cover_url,
    is_private: asked.is_private ?? undefined,
    hide_sensitive: asked.hide_sensitive ?? undefined,
  }
}
