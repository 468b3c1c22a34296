import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { tweet } from '../../src/contracts/http/tweets.ts'
import { fromUtf8 } from '../../src/contracts/utf8-text.ts'
import { decodeCursor } from '../../src/domain/cursor.ts'
import { type EntryId, newTweetId, type TweetId } from '../../src/domain/ids.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { readTopTimeline, type TopPage, type TopRequest } from '../../src/services/read-top-timeline.ts'
import { FreshnessCache } from '../../src/views/freshen.ts'
import { TOP_CURSOR, topCursor, topPlace } from '../../src/worker/top-places.ts'
import { testDeps } from './harness.ts'
import type { HomeTweet } from './homes.ts'
import { insertFollowers, insertPeople, timelineOf } from './people.ts'

export interface TopScene {
  reader: Viewer
  /** Whom the reader follows. */
  ann: Viewer
  bob: Viewer
  cat: Viewer
}

export async function setTopScene(): Promise<TopScene> {
  const [reader, ann, bob, cat] = await insertPeople(4)
  if (!reader || !ann || !bob || !cat) throw new Error('Nobody was inserted')
  for (const followee of [ann, bob, cat]) await insertFollowers([reader], followee)
  return { reader, ann, bob, cat }
}

export interface ReadTop extends Omit<TopPage, 'tweets'> {
  tweets: HomeTweet[]
}

/** A page by rank, as an isolate reads it that has cached nothing. Where it goes on has been in a cursor. */
export async function readTop(
  reader: Viewer,
  request: Partial<TopRequest> = {},
  replaced: Partial<Deps> = {},
): Promise<ReadTop> {
  const deps = testDeps({ freshness: new FreshnessCache(0), ...replaced })
  const { tweets, ...page } = await readTopTimeline(deps, reader, {
    limit: 100,
    offset: 0,
    from: null,
    ...request,
  })
  await deps.settled()
  const next = page.next === null ? null : topPlace({ after: decodeCursor(TOP_CURSOR, topCursor(page.next)) })
  return { ...page, next, tweets: tweets.map((text) => tweet.parse(JSON.parse(fromUtf8(text)))) }
}

export const idsOf = ({ tweets }: ReadTop): number[] => tweets.map(({ id }) => id)

/** All of a home timeline by rank, page by page; `meanwhile` comes after each page. */
export async function scrollTop(
  reader: Viewer,
  limit: number,
  meanwhile: (page: number) => Promise<unknown> = async () => {},
): Promise<number[]> {
  const seen: number[] = []
  let from: TopRequest['from'] = null
  for (let page = 1; page === 1 || from !== null; page++) {
    const read: ReadTop = await readTop(reader, { limit, from })
    seen.push(...idsOf(read))
    from = read.next
    await meanwhile(page)
  }
  return seen
}

/** The id of what somebody does so many milliseconds ago. */
export function idAgo<Id extends TweetId | EntryId>(agoMs: number, by: Viewer): Id {
  return newTweetId(Date.now() - agoMs, by.id, Math.random) as number as Id
}

/** The timeline keeps nothing below an entry any more, as when much has arrived. */
export async function raiseFloor(reader: Viewer, floor: number): Promise<void> {
  await runInDurableObject(timelineOf(reader), (_object, { storage }) => {
    storage.sql.exec('delete from entries where id < ?', floor)
    storage.sql.exec('update state set floor = ?', floor)
  })
  await evictDurableObject(timelineOf(reader))
}
