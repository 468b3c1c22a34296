import { type AuthorClass, sum } from './graph.ts'
import { OBJECT_GB, OPERATIONS_PER_MESSAGE, PRICES, SECONDS_PER_DAY, SECONDS_PER_MONTH } from './prices.ts'
import type { PulledPerRead } from './readers.ts'

/** Everything that is not in the graph. docs/capacity.md says where each comes from. */
export interface Load {
  /** People whose timeline is warm: who read within 14 days. */
  warmReaders: number
  /** Of an author's followers. */
  warmShare: number
  replyShare: number
  /** Of an author's followers, those who also follow whom the reply answers. */
  replyReach: number
  homeReadsPerSecond: number
  isolates: number
  /** Data centres whose Cache API the isolates share. */
  caches: number
  delivery: DeliveryRows
}

/** What a delivery to a timeline object is billed for. */
export interface DeliveryRows {
  written: number
  /** When it finds the object asleep. */
  readToWake: number
}

/** Measured: test/runtime/object-rows.test.ts and bench/measure-writes.ts. */
export const DELIVERY_AS_BUILT: DeliveryRows = { written: 2, readToWake: 1_208 }
const SPLIT_US_PER_FOLLOWER = 1.4
const CHUNK_PLAN_MS = 3
const CHUNK = 500
/** Of one pulled author: read by a statement of ten, taken by an isolate from the shared cache, merged into a page. */
const PULLED_QUERY_MS = 2.1
const PULLED_TAKE_CPU_MS = 0.17
const PULLED_MERGE_CPU_MS = 0.001
/** 200 entries, 40 of them with cards: as Postgres answers them, and as an isolate keeps them. */
const PULLED_ANSWER_BYTES = 55_000
const PULLED_KEPT_BYTES = 42_000

/** The platform's (docs/capacity.md, "Ceilings"). */
const CHUNKS_PER_BATCH = 10
const CONSUMERS_PER_QUEUE = 250
const MESSAGES_PER_SEND = 100
/** An object that hears nothing for so long leaves memory. */
const AWAKE_SECONDS = 10

/** Of the code: src/queues/send-deliveries.ts, src/views/pulled-authors.ts. */
const CALLS_IN_FLIGHT = 64
const CACHE_TTL_SECONDS = 5
const AUTHORS_AN_ISOLATE_KEEPS = 500

/** Assumptions. */
const CALL_MS = 25
const OBJECT_ACTIVE_MS = 15
const SEND_MS = 30
const CONSUMER_CPU_MS_PER_DELIVERY = 0.1

export interface LimitCost {
  pulledAuthors: number
  /** Of all that home timelines show, what comes from pulled authors and so is not shown live. */
  notLiveShare: number
  deliveriesPerSecond: number
  rowsWrittenPerSecond: number
  messagesPerSecond: number
  queueOperationsPerSecond: number
  largestPush: number
  /** Until the last follower of the largest pushed author has the tweet, with nothing else under way. */
  lastFollowerSeconds: number
  pulled: PulledPerRead
  /** Authors of one read that its isolate does not have, on average: each asks the Cache API. */
  missesPerRead: number
  missesPerSecond: number
  /** How long an isolate keeps an author: as long as they may be, or until others take the room. */
  keptSeconds: number
  /** What no cache has: asked of Postgres. */
  databaseReadsPerSecond: number
  isolateMegabytes: number
  pushDollars: number
  pullDollars: number
}

/** What fan-out and the reading of pulled authors cost when authors with `limit` followers or more are pulled. */
export function costOf(
  graph: readonly AuthorClass[],
  limit: number,
  load: Load,
  pulled: PulledPerRead,
): LimitCost {
  const all = pushOf(graph, load)
  const push = pushOf(
    graph.filter(({ followers }) => followers < limit),
    load,
  )
  const pull = pullOf(
    graph.filter(({ followers }) => followers >= limit),
    load,
  )
  return {
    notLiveShare: 1 - push.deliveriesPerSecond / all.deliveriesPerSecond,
    ...push,
    ...pull,
    pulled,
  }
}

function pushOf(pushed: readonly AuthorClass[], load: Load) {
  const perSecond = (of: (warm: number) => number) =>
    sum(pushed, ({ authors, followers, postsPerDay }) => {
      const posts = (authors * postsPerDay) / SECONDS_PER_DAY
      const warm = followers * load.warmShare
      return posts * ((1 - load.replyShare) * of(warm) + load.replyShare * of(warm * load.replyReach))
    })
  const deliveriesPerSecond = perSecond((warm) => warm)
  const messagesPerSecond = perSecond(messagesFor)
  const chunksPerSecond = perSecond((warm) => Math.max(1, warm / CHUNK))
  const largest = Math.max(0, ...pushed.map(({ followers }) => followers)) * load.warmShare
  const wakes = wakeShare(deliveriesPerSecond, load)
  const dollarsPerSecond =
    deliveriesPerSecond *
      (PRICES.objectRequest +
        load.delivery.written * PRICES.objectRowWritten +
        wakes * load.delivery.readToWake * PRICES.objectRowRead +
        (OBJECT_ACTIVE_MS / 1000) * OBJECT_GB * PRICES.objectGbSecond +
        CONSUMER_CPU_MS_PER_DELIVERY * PRICES.workerCpuMs) +
    messagesPerSecond *
      (OPERATIONS_PER_MESSAGE * PRICES.queueOperation + PRICES.workerRequest / CHUNKS_PER_BATCH) +
    chunksPerSecond * neonDollars(CHUNK_PLAN_MS)
  return {
    deliveriesPerSecond,
    rowsWrittenPerSecond: deliveriesPerSecond * load.delivery.written,
    messagesPerSecond,
    queueOperationsPerSecond: messagesPerSecond * OPERATIONS_PER_MESSAGE,
    largestPush: largest,
    lastFollowerSeconds: lastFollowerSeconds(largest),
    pushDollars: dollarsPerSecond * SECONDS_PER_MONTH,
  }
}

/** One for the tweet; one for each chunk, too, where there are more followers than one task serves. */
export function messagesFor(warm: number): number {
  return warm <= CHUNK ? 1 : 1 + Math.ceil(warm / CHUNK)
}

/** How often a delivery finds its object asleep: deliveries and reads come at random. */
function wakeShare(deliveriesPerSecond: number, { warmReaders, homeReadsPerSecond }: Load): number {
  return Math.exp((-AWAKE_SECONDS * (deliveriesPerSecond + homeReadsPerSecond)) / warmReaders)
}

/** Split, send, deliver, one after the other; a queue with nothing else to do, whose consumers are all there at once. */
export function lastFollowerSeconds(warm: number): number {
  const chunks = Math.ceil(warm / CHUNK)
  const splitMs = chunks > 1 ? (warm * SPLIT_US_PER_FOLLOWER) / 1000 : 0
  const sendMs = chunks > 1 ? Math.ceil(chunks / MESSAGES_PER_SEND) * SEND_MS : 0
  const perBatch = Math.min(warm, CHUNK * CHUNKS_PER_BATCH)
  const waves = Math.ceil(chunks / CHUNKS_PER_BATCH / CONSUMERS_PER_QUEUE)
  return (splitMs + sendMs + waves * Math.ceil(perBatch / CALLS_IN_FLIGHT) * CALL_MS) / 1000
}

function pullOf(pulledAuthors: readonly AuthorClass[], load: Load) {
  const { homeReadsPerSecond, isolates, caches, warmReaders, warmShare } = load
  /** Reads per second that need one author's entries. */
  const wantedOf = ({ followers }: AuthorClass) =>
    homeReadsPerSecond * Math.min(1, (followers * warmShare) / warmReaders)
  const missesAt = (places: number, seconds: number) =>
    sum(pulledAuthors, (one) => one.authors * places * cacheMisses(wantedOf(one) / places, seconds))
  const keptFor = (seconds: number) => (missesAt(isolates, seconds) / isolates) * seconds
  const keptSeconds = longestUpTo(
    CACHE_TTL_SECONDS,
    (seconds) => keptFor(seconds) <= AUTHORS_AN_ISOLATE_KEEPS,
  )
  const missesPerSecond = missesAt(isolates, keptSeconds)
  const databaseReadsPerSecond = missesAt(caches, CACHE_TTL_SECONDS)
  const lookUpsPerSecond = sum(pulledAuthors, (one) => one.authors * wantedOf(one))
  const dollarsPerSecond =
    (lookUpsPerSecond * PULLED_MERGE_CPU_MS + missesPerSecond * PULLED_TAKE_CPU_MS) * PRICES.workerCpuMs +
    databaseReadsPerSecond *
      (neonDollars(PULLED_QUERY_MS) + (PULLED_ANSWER_BYTES / 1e9) * PRICES.neonEgressGb)
  return {
    pulledAuthors: sum(pulledAuthors, ({ authors }) => authors),
    missesPerRead: missesPerSecond / homeReadsPerSecond,
    missesPerSecond,
    keptSeconds,
    databaseReadsPerSecond,
    isolateMegabytes: (keptFor(keptSeconds) * PULLED_KEPT_BYTES) / 1e6,
    pullDollars: dollarsPerSecond * SECONDS_PER_MONTH,
  }
}

/** Of a cache that keeps an entry for so long from when it came in, asked at random so often a second. */
export function cacheMisses(askedPerSecond: number, keptSeconds: number): number {
  return askedPerSecond / (1 + askedPerSecond * keptSeconds)
}

/** The largest number up to `max` that fits, where whatever is smaller than one that fits does, too. */
function longestUpTo(max: number, fits: (value: number) => boolean): number {
  if (fits(max)) return max
  let [low, high] = [0, max]
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2
    if (fits(middle)) low = middle
    else high = middle
  }
  return low
}

function neonDollars(cpuMs: number): number {
  return (cpuMs / 3_600_000) * PRICES.neonCuHour
}
