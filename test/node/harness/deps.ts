import type { TimelineOp, TimelineRpc } from '../../../src/contracts/timeline.ts'
import type { Db } from '../../../src/db/client.ts'
import type { UserId } from '../../../src/domain/ids.ts'
import type { Deps, Viewer } from '../../../src/services/deps.ts'
import { FreshnessCache } from '../../../src/views/freshen.ts'
import { MutedWordLists } from '../../../src/views/muted-words.ts'
import { PulledAuthors } from '../../../src/views/pulled-authors.ts'
import { TrendsCache } from '../../../src/views/trends.ts'
import { memoryArchives } from './archives.ts'

/** What a use case did besides writing to the database. */
export interface Told {
  /** By timeline, the operations that it was given. */
  timelines: Map<UserId, TimelineOp[]>
  /** The outbox rows that were sent to the queues. */
  sent: number[]
  /** Whose timeline was told to forget all. */
  erased: UserId[]
}

const notHere = () => Promise.reject(new Error('Not in this test'))

/** A use case's world with a real database and nothing else; `replaced` are other parts of it. */
export function depsOn(db: Db, replaced: Partial<Deps> = {}): { deps: Deps; told: Told } {
  const told: Told = { timelines: new Map(), sent: [], erased: [] }
  const timeline = (user: UserId): TimelineRpc => ({
    apply: async (ops) => {
      told.timelines.set(user, [...(told.timelines.get(user) ?? []), ...ops])
      return { ok: true, state: 'warm' }
    },
    page: notHere,
    marker: notHere,
    moveMarker: notHere,
    keepCards: notHere,
    endSessions: notHere,
    erase: async () => {
      told.erased.push(user)
    },
    fetch: notHere,
  })
  const deps: Deps = {
    db,
    replica: db,
    settings: {
      allowedOrigins: '*',
      freshenDeadlineMs: 150,
      freshenTtlMs: 15_000,
      loggedRequests: 1,
      databaseEpoch: 1,
      rateLimits: false,
      fanOutPushLimit: 1_000_000,
      trendSample: 1,
      tweetsPer3Hours: 300,
      followsPerDay: 1000,
      likesPerDay: 1000,
      messagesPerDay: 500,
      accessKeys: [],
      refreshKeys: [],
      push: null,
    },
    log: { info() {}, warn() {}, error() {} },
    now: Date.now,
    random: Math.random,
    uuid: () => crypto.randomUUID(),
    passwords: { hash: notHere, verify: notHere },
    search: {
      index: notHere,
      remove: notHere,
      searchTweets: notHere,
      searchUsers: notHere,
      searchHashtags: notHere,
    },
    timeline,
    queues: {
      sendOutbox: async (rows) => {
        told.sent.push(...rows.map(({ id }) => id))
      },
      sendFold: async () => {},
    },
    archives: memoryArchives(),
    freshness: new FreshnessCache(15_000),
    pulled: new PulledAuthors(),
    mutedWords: new MutedWordLists(),
    trends: new TrendsCache(),
    sharedCache: { get: async () => null, put: async () => {} },
    defer: () => {},
    timed: (_part, work) => work(),
    ...replaced,
  }
  return { deps, told }
}

export function viewerOf(id: UserId, role: Viewer['role'] = 'user'): Viewer {
  return { id, username: `user_${id}`, sessionId: crypto.randomUUID(), role }
}
