import { SECONDS_PER_DAY } from '../fan-out-model/prices.ts'

/** What one action costs, in the request and in the consumers after it. */
export interface Action {
  name: string
  perSecond: number
  workerRequests?: number
  workerCpuMs?: number
  objectRequests?: number
  objectMs?: number
  rowsRead?: number
  rowsWritten?: number
  messages?: number
  /** Round trips to the primary, and to what may be a replica. */
  writes?: number
  reads?: number
  /** Rows of Postgres that are inserted, updated or deleted, in the request and by consumers after it. */
  postgresRows?: number
  walBytes?: number
  storedBytes?: number
  /** That Postgres answers: assumed. */
  answerBytes?: number
}

const POSTS = 5_787
const READS = 578_703
const DAILY_USERS = 500_000_000
/** Read within 14 days. */
export const WARM_READERS = 1.4 * DAILY_USERS

/** Rows that a sleeping object reads before it does anything. */
const WAKE = 1_208
/** That the set of pulled authors is no longer known, and by the next read, which asks twice, that it is. */
const FOLLOW_FACT_ROWS = 4
/** One that answers whom of the pulled authors the reader follows, and one with their entries: isolates seldom know. */
const HOME_READ_CALLS = 2
/** Of home reads, likes and connects: people act in sessions, so their object is often awake. */
const ASLEEP = 0.5
/** Of deliveries (bench/simulate-fanout.ts). */
const ASLEEP_AT_DELIVERY = 0.97

/** The outbox row and the delta that consumers delete, and their share of a fold: rows and log. */
const SETTLED_ROWS = 2.2
const SETTLED_WAL = 69 + 193
/** The row that is owed to search, deleted with a batch of others. */
const SEARCH_ROWS = 1
const SEARCH_WAL = 69
/** Of an action that counts for two. */
const SECOND_DELTA_ROWS = 1.2
const SECOND_DELTA_WAL = 193

/** A quarter of a round trip is the share of the consumers' batches. */
const write = {
  workerRequests: 1,
  workerCpuMs: 5,
  objectMs: 20,
  writes: 1.25,
  rowsRead: WAKE * ASLEEP,
  answerBytes: 2_000,
}

export const ACTIONS: Action[] = [
  {
    name: 'tweet, quote (24 %)',
    perSecond: 0.24 * POSTS,
    ...write,
    objectRequests: 2,
    rowsWritten: 2,
    messages: 3,
    postgresRows: 5 + SETTLED_ROWS + SEARCH_ROWS,
    walBytes: 1_794 + SETTLED_WAL + SEARCH_WAL,
    storedBytes: 475,
  },
  {
    name: 'reply (30 %)',
    perSecond: 0.3 * POSTS,
    ...write,
    objectRequests: 2,
    rowsWritten: 2,
    messages: 4,
    postgresRows: 7 + SETTLED_ROWS + SECOND_DELTA_ROWS + SEARCH_ROWS,
    walBytes: 2_517 + SETTLED_WAL + SECOND_DELTA_WAL + SEARCH_WAL,
    storedBytes: 442,
  },
  {
    name: 'retweet (46 %)',
    perSecond: 0.46 * POSTS,
    ...write,
    objectRequests: 3,
    rowsWritten: 3,
    messages: 4,
    postgresRows: 5 + 1 + SETTLED_ROWS,
    walBytes: 2_006 + SETTLED_WAL,
    storedBytes: 352,
  },
  {
    name: 'like (2 a post)',
    perSecond: 2 * POSTS,
    ...write,
    objectRequests: 2,
    rowsWritten: 1,
    messages: 3,
    postgresRows: 5 + SETTLED_ROWS,
    walBytes: 1_680 + SETTLED_WAL,
    storedBytes: 270,
  },
  {
    name: 'follow (0.1 a user and day)',
    perSecond: (0.1 * DAILY_USERS) / SECONDS_PER_DAY,
    ...write,
    objectRequests: 3,
    rowsWritten: 50 + FOLLOW_FACT_ROWS,
    messages: 3,
    reads: 1,
    postgresRows: 7 + SETTLED_ROWS + SECOND_DELTA_ROWS,
    walBytes: 2_278 + SETTLED_WAL + SECOND_DELTA_WAL,
    storedBytes: 328,
  },
  {
    name: 'notification (of likes, retweets, replies, quotes, follows)',
    perSecond: 2 * POSTS + 0.8 * POSTS + (0.1 * DAILY_USERS) / SECONDS_PER_DAY,
    workerRequests: 0.02,
    workerCpuMs: 0.5,
    objectRequests: 1,
    objectMs: 15,
    rowsRead: WAKE * ASLEEP_AT_DELIVERY,
    rowsWritten: 2,
    writes: 0.06,
    postgresRows: 6,
    walBytes: 1_696,
    storedBytes: 772,
  },
  {
    name: 'message (2 a user and day)',
    perSecond: (2 * DAILY_USERS) / SECONDS_PER_DAY,
    ...write,
    objectRequests: 2,
    rowsRead: 2 * WAKE * ASLEEP,
    rowsWritten: 4,
    messages: 1,
    postgresRows: 6,
    walBytes: 1_933 + 116,
    storedBytes: 664,
  },
  {
    name: 'delivery (limit 1 M)',
    perSecond: 1_830_000,
    workerCpuMs: 0.1,
    objectRequests: 1,
    objectMs: 15,
    rowsRead: WAKE * ASLEEP_AT_DELIVERY,
    rowsWritten: 2,
  },
  {
    name: 'fan-out chunk (limit 1 M)',
    perSecond: 3_400,
    workerRequests: 0.1,
    messages: 1,
    writes: 0.24,
    postgresRows: 2,
    walBytes: 499 + 68,
  },
  {
    name: 'home read, warm (60 % of reads)',
    perSecond: 0.6 * READS,
    workerRequests: 1,
    workerCpuMs: 3,
    objectRequests: HOME_READ_CALLS,
    objectMs: 8,
    rowsRead: WAKE * ASLEEP,
    reads: 0.95,
    answerBytes: 0.95 * 3_000,
  },
  {
    name: 'home read, cold (0.5 % of users a day)',
    perSecond: (0.005 * DAILY_USERS) / SECONDS_PER_DAY,
    workerRequests: 1,
    workerCpuMs: 10,
    objectRequests: 1,
    objectMs: 300,
    rowsWritten: 1_008,
    writes: 2,
    reads: 1,
    answerBytes: 120_000,
    postgresRows: 1,
    walBytes: 294,
  },
  {
    name: 'pull set told anew (3 changes a day)',
    perSecond: (3 * DAILY_USERS) / SECONDS_PER_DAY,
    objectRequests: 1,
    objectMs: 5,
    rowsWritten: 2,
  },
  {
    name: 'other read (40 % of reads)',
    perSecond: 0.4 * READS,
    workerRequests: 1,
    workerCpuMs: 3,
    reads: 1,
    answerBytes: 20_000,
  },
  {
    name: 'socket opened (5 a user and day)',
    perSecond: (5 * DAILY_USERS) / SECONDS_PER_DAY,
    workerRequests: 1,
    workerCpuMs: 2,
    objectRequests: 1,
    objectMs: 10,
    rowsRead: WAKE * ASLEEP,
  },
]
