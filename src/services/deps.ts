import type { FoldHint, OutboxRow } from '../contracts/queues.ts'
import type { SearchRpc } from '../contracts/search.ts'
import type { TimelineRpc } from '../contracts/timeline.ts'
import type { Db } from '../db/client.ts'
import type { ByteRange } from '../domain/byte-range.ts'
import type { UserId } from '../domain/ids.ts'
import type { Logger } from '../domain/log.ts'
import type { FreshnessCache } from '../views/freshen.ts'
import type { MutedWordLists } from '../views/muted-words.ts'
import type { PulledAuthors, SharedCache } from '../views/pulled-authors.ts'
import type { TrendsCache } from '../views/trends.ts'
import type { Settings } from './settings.ts'

/** What a use case needs of the world. Built once a request by the Worker; tests build their own. */
export interface Deps {
  db: Db
  /** For reads that may lag, by `readLagging`: a replica, or the primary itself where there is none. */
  replica: Db
  settings: Settings
  log: Logger
  /** Unix milliseconds. Stands still between I/O in production. */
  now(): number
  random(): number
  uuid(): string
  passwords: PasswordPort
  search: SearchRpc
  timeline(user: UserId): TimelineRpc
  queues: QueuePort
  archives: ArchivePort
  /** Shared by all requests of an isolate. */
  freshness: FreshnessCache
  /** What this isolate knows of the authors whom home timelines pull. */
  pulled: PulledAuthors
  /** What this isolate knows of its readers' muted words. */
  mutedWords: MutedWordLists
  /** What trends, as this isolate has read it. */
  trends: TrendsCache
  /** Shared by isolates of one place. */
  sharedCache: SharedCache
  /** Work that the answer does not wait for. It must not reject unhandled: failures are logged. */
  defer(work: Promise<unknown>): void
  /** Measures a part of the request for `Server-Timing`. */
  timed<T>(part: TimedPart, work: () => Promise<T>): Promise<T>
}

export type TimedPart = 'auth' | 'db' | 'object' | 'freshen' | 'password' | 'search'

export interface PasswordPort {
  hash(password: string): Promise<string>
  verify(password: string, encoded: string): Promise<{ matches: boolean; outdated: boolean }>
}

export interface QueuePort {
  /** Sends committed outbox rows to their queues, minding the platform's batch limits; to be delivered then. */
  sendOutbox(rows: OutboxRow[], delaySeconds?: number): Promise<void>
  sendFold(subjects: FoldHint['subjects']): Promise<void>
}

/** Where archives of people's data lie. */
export interface ArchivePort {
  /** Stores all that comes, or nothing: what fails midway is not seen by anybody. Answers how many bytes it is. */
  write(key: string, content: AsyncIterable<Uint8Array>): Promise<number>
  /** All of it, or a part of it that is there; null where there is no such archive. */
  read(key: string, range: ByteRange | null): Promise<ReadableStream | null>
  /** As many keys as there are; those that name nothing do not matter. */
  delete(keys: readonly string[]): Promise<void>
  /** Some keys that begin so; none when none is left. */
  list(prefix: string): Promise<string[]>
}

/** Who is asking, as their access token says. */
export interface Viewer {
  id: UserId
  username: string
  sessionId: string
  role: 'user' | 'moderator' | 'admin'
}
