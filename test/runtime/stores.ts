import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import type { TimelineOp, TweetFlags } from '../../src/contracts/timeline.ts'
import { type Card, NO_COUNTS } from '../../src/contracts/tweet-json.ts'
import type { PulledEntries, PulledEntry, PulledTimeline } from '../../src/db/statements/home-timeline.ts'
import { type EntryId, newUserId, type TweetId, type UserId } from '../../src/domain/ids.ts'
import type { Effect } from '../../src/durable-objects/timeline/shown.ts'
import { TimelineStore } from '../../src/durable-objects/timeline/store.ts'
import type { TimelineObject } from '../../src/worker/index.ts'

export const OWNER = 1 as UserId
/** Whom the owner follows in a timeline that `warmed` built. */
export const ANN = 11 as UserId
export const BOB = 12 as UserId
/** Whom the owner does not follow, and whom the owner mutes. */
export const EVE = 13 as UserId
export const MAL = 14 as UserId

/** The state of the graph at the build: operations of later versions change it. */
export const BUILT_VERSION = 10
export const NOW_MS = Date.UTC(2026, 10, 1)

const EMPTY: PulledTimeline = {
  entries: [],
  followees: [ANN, BOB, MAL],
  graph_version: BUILT_VERSION,
  silent: [],
  dropped: [{ user_id: MAL, reason: 'mute', until_ms: null }],
  acted: [],
  version: 0,
  marker: null,
  muted_words: [],
  hides_sensitive: true,
}

export interface OpenStore {
  storage: DurableObjectStorage
  /** The store over this storage, loaded anew: what an eviction leaves of it. */
  reopen(): TimelineStore
}

interface WarmState {
  epoch: number
  databaseEpoch: number
  readAtMs: number
}

/** Warms an object without a build, before anything else has called it. */
export async function warmObject(
  stub: DurableObjectStub<TimelineObject>,
  owner: UserId,
  pulled: Partial<PulledTimeline> = {},
  { epoch = 1, databaseEpoch = 1, readAtMs = Date.now() }: Partial<WarmState> = {},
): Promise<void> {
  await runInDurableObject(stub, (_object, { storage }) => {
    const store = new TimelineStore(storage, owner)
    store.beginBuild()
    store.noteEpoch(epoch)
    store.finishBuild({ ...EMPTY, ...pulled }, { databaseEpoch, nowMs: readAtMs })
  })
}

/** Runs within an object of its own, whose storage nothing else touches. */
export function inStorage<Result>(run: (open: OpenStore) => Result): Promise<Result> {
  const stub = env.TIMELINES.getByName(String(newUserId(Date.now(), Math.random)))
  return runInDurableObject(stub, (_object, { storage }) =>
    run({ storage, reopen: () => new TimelineStore(storage, OWNER) }),
  )
}

/** Runs with a warm timeline. */
export function withStore<Result>(
  run: (store: TimelineStore, open: OpenStore) => Result,
  pulled: Partial<PulledTimeline> = {},
): Promise<Result> {
  return inStorage((open) => run(warmed(open.reopen(), pulled), open))
}

/** Built, and what came `meanwhile`. */
export function warmed(
  store: TimelineStore,
  pulled: Partial<PulledTimeline> = {},
  meanwhile: () => void = () => {},
): TimelineStore {
  store.beginBuild()
  store.noteEpoch(1)
  meanwhile()
  store.finishBuild({ ...EMPTY, ...pulled }, { databaseEpoch: 1, nowMs: NOW_MS })
  return store
}

export function pulledEntry(id: number, author = ANN): PulledEntry {
  return { id: id as EntryId, tweet_id: id as TweetId, author_id: author, retweeter: null }
}

/** An author's entries as a backfill reads them. */
export function pulledEntries(ids: readonly number[], author = ANN): PulledEntries {
  return { entries: ids.map((id) => pulledEntry(id, author)), acted: [], version: 0 }
}

export function cardOf(id: number, revision = '1.1'): Card {
  return {
    tweetId: id,
    authorId: ANN,
    json: `{"id":${id}}`,
    counts: NO_COUNTS,
    poll: null,
    revision,
    quote: null,
  }
}

export function deliver(id: number, author = ANN): TimelineOp {
  const entry = { id: id as EntryId, tweetId: id as TweetId, authorId: author, retweeterId: null }
  return { type: 'deliver', entry, card: cardOf(id), retweeter: null, acted: null }
}

/** A retweet of Ann's tweet `tweet`, by Bob unless told. */
export function retweet(
  id: number,
  tweet: number,
  { by = BOB, author = ANN, acted = null, card = cardOf(tweet) }: RetweetOptions = {},
): TimelineOp {
  const entry = { id: id as EntryId, tweetId: tweet as TweetId, authorId: author, retweeterId: by }
  return { type: 'deliver', entry, card, retweeter: userCardOf(by), acted }
}

interface RetweetOptions {
  by?: UserId
  author?: UserId
  acted?: TweetFlags | null
  card?: Card
}

export function userCardOf(id: UserId) {
  return { id, username: `user_${id}`, display_name: `User ${id}`, avatar_url: null, verified: false }
}

/** That a retweet, by its entry's id, is undone. */
export function undo(id: number): TimelineOp {
  return { type: 'retract', of: 'retweet', id: id as EntryId }
}

export function pulledRetweet(id: number, tweet: number, by = BOB): PulledEntry {
  return { id: id as EntryId, tweet_id: tweet as TweetId, author_id: ANN, retweeter: userCardOf(by) }
}

export function retract(id: number): TimelineOp {
  return { type: 'retract', of: 'tweet', id: id as TweetId }
}

export function applyAll(store: TimelineStore, ops: readonly TimelineOp[]): Effect[] {
  return ops.map((op) => store.apply(op, NOW_MS))
}

/** The ids of all that the timeline keeps, newest first. */
export function idsIn(store: TimelineStore): number[] {
  return store.page({ before: null, top: null, offset: 0, limit: 10_000 }).entries.map(({ id }) => id)
}

/** All that a reader or a client that resumes can see. */
export function viewOf(store: TimelineStore) {
  const page = store.page({ before: null, top: null, offset: 0, limit: 10_000 })
  return { page, seq: store.seq, epoch: store.epoch, shown: store.shownSince(0), unfilled: store.unfilled() }
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}
