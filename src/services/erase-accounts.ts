import type { EraseAccountEvent, ErasurePart } from '../contracts/queues.ts'
import { beginErasures, type ErasedStep, type ErasureStep } from '../db/statements/account-erasure.ts'
import { eraseActs } from '../db/statements/erase-acts.ts'
import {
  eraseBlocks,
  eraseFollowees,
  eraseFollowers,
  eraseFollowRequests,
} from '../db/statements/erase-graph.ts'
import { eraseListMemberships, eraseLists } from '../db/statements/erase-lists.ts'
import { eraseMessages } from '../db/statements/erase-messages.ts'
import { eraseOwnRows, eraseTimelineRow, hasTimeline } from '../db/statements/erase-own-rows.ts'
import { eraseTweets } from '../db/statements/erase-tweets.ts'
import type { UserId } from '../domain/ids.ts'
import type { Deps } from './deps.ts'
import { deleteArchivesOf } from './expire-archives.ts'
import { sendOwed } from './send-owed.ts'

/** Begun in one run, each minute. */
const ACCOUNTS_PER_RUN = 100
/** Rows of each kind in one step: a statement of some 10 to 50 ms. */
const ROWS_PER_STEP = 200
/** Between two full steps of one account: what they owe is no more than the queues carry beside all else. */
const STEP_DELAY_SECONDS = 1

/** Begins to erase accounts that were deactivated 30 days ago. Answers how many. */
export async function eraseDeactivated(deps: Deps): Promise<number> {
  const begun = await beginErasures(deps.db, ACCOUNTS_PER_RUN)
  await sendOwed(deps, begun)
  return begun.length
}

interface Erasure {
  outbox_id: number
  event: EraseAccountEvent
}

/**
 * Erases of an account what one step takes, and goes through its parts until a step was full; then asks for the next one. What
 * ends in between comes again from the outbox, which says how far it has come.
 */
export async function eraseAccount(
  deps: Deps,
  { outbox_id: outboxId, event }: Erasure,
  rows = ROWS_PER_STEP,
): Promise<void> {
  const userId = event.user_id as UserId
  let part: ErasurePart = event.part
  for (let { nth } = event; ; nth++) {
    const { subjects, outbox, next, done } = await PARTS[part](deps, { outboxId, userId, part, nth, rows })
    await sendOwed(deps, outbox)
    if (subjects.length > 0) await deps.queues.sendFold(subjects)
    if (done) deps.log.info('account_erased', { user_id: userId })
    if (next === null) return
    if (next === part)
      return askForNext(deps, { outbox_id: outboxId, event: { ...event, part, nth: nth + 1 } })
    part = next
  }
}

async function askForNext(deps: Deps, { outbox_id: id, event: message }: Erasure): Promise<void> {
  await sendOwed(deps, [{ id, queue: 'engagement', message }], STEP_DELAY_SECONDS)
}

const PARTS: Record<ErasurePart, (deps: Deps, step: ErasureStep) => Promise<ErasedStep>> = {
  timeline: eraseTimeline,
  follow_requests: ({ db }, step) => eraseFollowRequests(db, step),
  followers: ({ db }, step) => eraseFollowers(db, step),
  followees: ({ db }, step) => eraseFollowees(db, step),
  blocks: ({ db }, step) => eraseBlocks(db, step),
  list_memberships: ({ db }, step) => eraseListMemberships(db, step),
  lists: ({ db }, step) => eraseLists(db, step),
  likes: ({ db }, step) => eraseActs(db, 'likes', step),
  retweets: ({ db }, step) => eraseActs(db, 'retweets', step),
  bookmarks: ({ db }, step) => eraseActs(db, 'bookmarks', step),
  tweets: ({ db }, step) => eraseTweets(db, step),
  messages: ({ db }, step) => eraseMessages(db, step),
  own_rows: eraseOwn,
}

async function eraseOwn(deps: Deps, step: ErasureStep): Promise<ErasedStep> {
  await deleteArchivesOf(deps, step.userId)
  return eraseOwnRows(deps.db, step)
}

/** First the object forgets, then the row goes that says so. One that never held anything is not called. */
async function eraseTimeline(deps: Deps, step: ErasureStep): Promise<ErasedStep> {
  if (await hasTimeline(deps.db, step)) await deps.timeline(step.userId).erase()
  return eraseTimelineRow(deps.db, step)
}
