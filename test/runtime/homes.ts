import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import type { z } from 'zod'
import { tweet } from '../../src/contracts/http/tweets.ts'
import { fromUtf8 } from '../../src/contracts/utf8-text.ts'
import { pullTimeline } from '../../src/db/statements/home-timeline.ts'
import { MAX_ID, type UserId } from '../../src/domain/ids.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import {
  type HomePage,
  type HomePlace,
  type HomeRequest,
  readHomeTimeline,
} from '../../src/services/read-home-timeline.ts'
import { FreshnessCache } from '../../src/views/freshen.ts'
import { testDeps } from './harness.ts'
import { markWarm, timelineOf } from './people.ts'
import { warmObject } from './stores.ts'

export type HomeTweet = z.infer<typeof tweet>

export interface ReadHome extends Omit<HomePage, 'tweets'> {
  tweets: HomeTweet[]
}

/** A page of the home timeline, each time as an isolate reads it that has cached nothing; then what it left behind. */
export async function readHome(
  reader: Viewer,
  request: Partial<HomeRequest> = {},
  replaced: Partial<Deps> = {},
): Promise<ReadHome> {
  const deps = testDeps({ freshness: new FreshnessCache(0), ...replaced })
  const asked = { limit: 100, from: null, offset: 0, ...request }
  const page = await readHomeTimeline(deps, reader, asked)
  await deps.settled()
  return parseHome(page)
}

export function parseHome({ tweets, ...page }: HomePage): ReadHome {
  return { ...page, tweets: tweets.map((text) => tweet.parse(JSON.parse(fromUtf8(text)))) }
}

/** A line of a home timeline: a tweet, and whose retweet shows it. */
export type Line = readonly [tweet: number, by: UserId | null]

export function linesOf({ tweets }: Pick<ReadHome, 'tweets'>): Line[] {
  return tweets.map(({ id, retweeted_by }) => [id, (retweeted_by?.id ?? null) as UserId | null])
}

/** All of a home timeline, page by page; `meanwhile` comes after each page. */
export async function scrollHome(
  reader: Viewer,
  limit: number,
  meanwhile: (page: number) => Promise<void> = async () => {},
  replaced: Partial<Deps> = {},
): Promise<Line[]> {
  const lines: Line[] = []
  let from: HomePlace | null = null
  for (let page = 1; page === 1 || from !== null; page++) {
    const read: ReadHome = await readHome(reader, { limit, from }, replaced)
    lines.push(...linesOf(read))
    from = read.older
    await meanwhile(page)
  }
  return lines
}

/** Warms a timeline as its build does, but that it keeps no entry below `floor`: those are in Postgres alone. */
export async function warmAbove(reader: Viewer, floor: number): Promise<void> {
  await markWarm([reader])
  const nowMs = Date.now()
  const pulled = await pullTimeline(testDeps().db, reader.id, { before: MAX_ID, nowMs, limit: 800 })
  const entries = pulled.entries.filter(({ id }) => id >= floor)
  await warmObject(timelineOf(reader), reader.id, { ...pulled, entries })
  await runInDurableObject(timelineOf(reader), (_object, { storage }) => {
    storage.sql.exec('update state set floor = ?', floor)
  })
}

/** As after a restore of the database: the next read builds the timeline anew. */
export async function rebuild(reader: Viewer): Promise<void> {
  await runInDurableObject(timelineOf(reader), (_object, { storage }) => {
    storage.sql.exec('update state set database_epoch = 0')
  })
  await evictDurableObject(timelineOf(reader))
}
