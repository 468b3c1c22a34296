import { env } from 'cloudflare:workers'
import { sql } from 'drizzle-orm'
import { expect, vi } from 'vitest'
import { z } from 'zod'
import type { OutboxRow } from '../../src/contracts/queues.ts'
import type { TweetDocument } from '../../src/contracts/search.ts'
import { parseSearchQuery } from '../../src/domain/search-query.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { bodyOf, runSearchIndex } from './consumers.ts'
import { api, rows } from './harness.ts'

/** Longer than a queue takes on a busy machine. */
const FOUND_WITHIN_MS = 20_000

const tweetsAnswer = z.object({
  tweets: z.array(
    z.object({ id: z.number(), content: z.string(), highlights: z.array(z.array(z.number())) }),
  ),
  pagination: z.object({ has_more: z.boolean(), next_cursor: z.string().nullable() }),
  did_you_mean: z.string().nullable(),
})

/** A word that nobody else has written. */
export function ownWord(): string {
  const letters = 'bcdfghjklmnpqrstvwxz'
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (n) => letters[n % letters.length]).join('')
}

/** A page of found tweets, as a client gets it. */
export async function search(token: string, q: string, query: Record<string, string | number> = {}) {
  const parameters = new URLSearchParams({ q })
  for (const [name, value] of Object.entries(query)) parameters.set(name, String(value))
  const { status, body } = await api('GET', `/api/search/tweets?${parameters}`, { token })
  expect([status, body]).toEqual([200, expect.anything()])
  return tweetsAnswer.parse(body)
}

export async function foundIds(token: string, q: string, query: Record<string, string | number> = {}) {
  return (await search(token, q, query)).tweets.map(({ id }) => id)
}

/** Waits until exactly these are found, in this order. */
export async function untilFound(token: string, q: string, ids: readonly number[]): Promise<void> {
  const expected = { timeout: FOUND_WITHIN_MS, interval: 50 }
  await vi.waitFor(async () => expect(await foundIds(token, q, { sort: 'latest' })).toEqual(ids), expected)
}

/** What the index itself has, whoever may see it. */
export async function indexed(q: string): Promise<number[]> {
  const parsed = parseSearchQuery(q)
  if (!parsed.ok) throw new Error(parsed.message)
  const asked = { query: parsed.query, sort: 'latest', asOfMs: Date.now() + 1000, after: null } as const
  const { hits } = await env.SEARCH.searchTweets({ ...asked, limit: 100, withSensitive: true })
  return hits.map(({ id }) => id)
}

/** Messages of those rows that are owed to search. */
export function searchBodies(outbox: readonly OutboxRow[]): unknown[] {
  return outbox.filter(({ queue }) => queue === 'search').map(bodyOf)
}

/** Sees to it that search knows. */
export async function tell(outbox: readonly OutboxRow[]): Promise<void> {
  const { retried } = await runSearchIndex(searchBodies(outbox))
  if (retried.length > 0) throw new Error('A message is to come again')
}

/** Whether the outbox still owes any of them. */
export async function areOwed(outbox: readonly OutboxRow[]): Promise<boolean> {
  const ids = outbox.filter(({ queue }) => queue === 'search').map(({ id }) => id)
  return (await rows(sql`select from outbox where id in (${sql.join(ids, sql`, `)})`)).length > 0
}

/** Has these tweets of an author and these people found by a word of their own, with two hashtags; answers the word. */
export async function indexWorld(
  author: Viewer,
  tweets: readonly number[],
  people: readonly Viewer[],
): Promise<string> {
  const word = ownWord()
  const hashtags = [`${word}one`, `${word}two`]
  await env.SEARCH.index({
    tweets: tweets.map((id) => tweetDocument(id, word, { authorId: author.id, hashtags })),
    people: people.map(({ id }, index) => ({
      ...{ id, version: VERSION, username: `${word}_${index}`, displayName: word, bio: '' },
      ...{ isVerified: false, followerCount: 0 },
    })),
  })
  return word
}

/** Of the first revision, in the database's first history. */
const VERSION = 2 ** 32 + 1

export function tweetDocument(
  id: number,
  content: string,
  changes: Partial<TweetDocument> = {},
): TweetDocument {
  return {
    ...{ id, version: VERSION, authorId: 1, username: 'somebody', content, replyTo: null },
    ...{ hashtags: [], mentions: [], hasMedia: false, isSensitive: false, engagement: 0 },
    ...changes,
  }
}
