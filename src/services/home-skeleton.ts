import { unpackPage } from '../contracts/packed-page.ts'
import type { Overlay, PageRequest, PageResult, TimelinePage } from '../contracts/timeline.ts'
import { isUnavailable } from '../db/client.ts'
import type { PullSet } from '../db/statements/pulled-authors.ts'
import { AppError } from '../domain/errors.ts'
import type { UserId } from '../domain/ids.ts'
import { within } from '../views/deadline.ts'
import { newerRetweet, overlayOf, withoutRetweets } from '../views/overlay.ts'
import type { PulledAuthor, PulledDeps, PulledFollowees } from '../views/pulled-authors.ts'
import type { Deps, Viewer } from './deps.ts'

/** An object that restarts, as each does at a deployment, answers the second time. */
const TRIES = 2
/** Asked without a set, with it, with what it holds, and with the entries of its authors: more it never takes. */
const ROUNDS_MAX = 4
const RETRY_AFTER_SECONDS = 2
const NO_SET = Promise.resolve(null)

export type SkeletonRequest = Pick<
  PageRequest,
  'limit' | 'before' | 'top' | 'offset' | 'after' | 'wantsAffinity'
>

/** A page of the reader's timeline before it is hydrated. */
export interface Skeleton extends TimelinePage {
  /** The reader's pulled authors, whose entries are merged in. */
  authors: PulledAuthor[]
  /** False where their entries could not be read. */
  isComplete: boolean
}

/** The object did not answer: what it would have said is in Postgres, too. */
export class TimelineFailed extends Error {
  override readonly name = 'TimelineFailed'
}

/**
 * The reader's timeline from their object, with the entries of pulled authors merged in: one call, once this isolate knows
 * whom of them the reader follows. Throws `unavailable` when the object needs the database and it is not there,
 * `unauthenticated` when the reader's account is gone, and TimelineFailed.
 */
export async function readSkeleton(deps: Deps, viewer: Viewer, asked: SkeletonRequest): Promise<Skeleton> {
  const pulling = pulledDeps(deps)
  const known = deps.pulled.knownSet(pulling)
  const loading = known === null ? deps.pulled.loadSet(pulling).catch(ignoreUnavailable) : null
  let set = known
  let tellsSet = false
  let followed = deps.pulled.followedBy(viewer.id, deps.now())
  for (let round = 1; ; round++) {
    const { authors, isComplete } = await authorsOf(deps, pulling, followed)
    const request = { ...asked, ...overlayFor(authors, followed, asked), ...pullSetOf(set, tellsSet) }
    const result = await call(deps, viewer, request)
    if (!result.ok && result.code === 'pull_set_outdated') {
      tellsSet = true
      continue
    }
    if (!result.ok) throw result.code === 'unavailable' ? unavailable() : new AppError('unauthenticated')
    const page = unpackPage(result.page)
    const wasTold = set !== null
    set ??= await within(loading ?? NO_SET, deps.settings.freshenDeadlineMs)
    deps.pulled.noteFollowed(viewer.id, page.pulled, deps.now())
    const knowsSet = wasTold || set === null || page.pulled.hash === set.hash || isEmpty(set, page)
    const isMerged = isSame(followed, page.pulled)
    if ((knowsSet && isMerged) || round === ROUNDS_MAX) {
      return withoutRetweeted(page, authors, isComplete && set !== null)
    }
    followed = page.pulled
  }
}

/** An object that has not heard of any set has heard enough when nobody is pulled. */
function isEmpty({ hash }: PullSet, { pulled }: TimelinePage): boolean {
  return hash === '' && pulled.authors.length === 0
}

/** Whoever is no longer among them would still hide a tweet where their retweet of it was. */
function isSame(known: PulledFollowees, told: PulledFollowees): boolean {
  const holds = (all: readonly UserId[], some: readonly UserId[]) => some.every((id) => all.includes(id))
  return (
    holds(known.authors, told.authors) &&
    holds(told.authors, known.authors) &&
    holds(known.silent, told.silent) &&
    holds(told.silent, known.silent)
  )
}

/** Without the database a page is shown without the pulled authors that no cache knows. */
async function authorsOf(
  deps: Deps,
  pulling: PulledDeps,
  { authors: ids, silent }: PulledFollowees,
): Promise<{ authors: PulledAuthor[]; isComplete: boolean }> {
  if (ids.length === 0) return { authors: [], isComplete: true }
  try {
    const authors = await deps.pulled.entriesOf(pulling, ids)
    const shown = authors.map((author) => (silent.includes(author.id) ? withoutRetweets(author) : author))
    return { authors: shown, isComplete: true }
  } catch (error) {
    ignoreUnavailable(error)
    return { authors: [], isComplete: false }
  }
}

function ignoreUnavailable(error: unknown): null {
  if (!isUnavailable(error)) throw error
  return null
}

export function unavailable(): AppError {
  return new AppError('unavailable', { retryAfterSeconds: RETRY_AFTER_SECONDS })
}

function pulledDeps({ db, sharedCache, now, defer }: Deps): PulledDeps {
  return { db, shared: sharedCache, now, defer }
}

function pullSetOf(set: PullSet | null, tells: boolean): Pick<PageRequest, 'pullSet'> {
  if (set === null) return {}
  const { hash, asOfMs, authors, left } = set
  return { pullSet: tells ? { hash, asOfMs, set: { authors, left } } : { hash, asOfMs } }
}

function overlayFor(
  authors: readonly PulledAuthor[],
  { authors: ids }: PulledFollowees,
  { before, after, top, offset, limit }: SkeletonRequest,
): { overlay?: Overlay } {
  if (ids.length === 0) return {}
  // What a scroll begins with is its newest entry, which the nearest of those above a place need not have.
  const findsTop = after !== undefined && top === null
  const wanted = offset > 0 || findsTop ? Number.POSITIVE_INFINITY : limit
  return { overlay: overlayOf(authors, { before, top, wanted, ...(after === undefined ? {} : { after }) }) }
}

/** A tweet that a pulled author retweeted stands at that retweet, which may be further up than this page. */
function withoutRetweeted(page: TimelinePage, authors: PulledAuthor[], isComplete: boolean): Skeleton {
  if (authors.length === 0) return { ...page, authors, isComplete }
  const entries = page.entries.filter(({ tweetId, id }) => !newerRetweet(authors, tweetId, id, page.top))
  return { ...page, entries, authors, isComplete }
}

async function call(deps: Deps, viewer: Viewer, request: PageRequest): Promise<PageResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await deps.timed('object', () => deps.timeline(viewer.id).page(request))
    } catch (error) {
      deps.log.warn('timeline_failed', { user_id: viewer.id, attempt, error })
      if (attempt === TRIES) {
        throw new TimelineFailed(`The timeline of ${viewer.id} does not answer`, { cause: error })
      }
    }
  }
}
