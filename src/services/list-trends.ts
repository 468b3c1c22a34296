import type { TrendAnswer } from '../contracts/http/discovery.ts'
import { readTrends, type TrendsForReader } from '../db/statements/trend-readers.ts'
import { presentTrend, withoutMuted } from '../views/trends.ts'
import type { Deps, Viewer } from './deps.ts'
import { readLaggingFor } from './read-lagging.ts'

/**
 * A part of what trends, the best first, and for who is signed out out of the isolate's cache: ranked a minute ago at most, or ten
 * seconds more where the next ranking was not there yet. Who is signed in is shown none that holds a word which they mute.
 */
export async function listTrends(
  deps: Deps,
  viewer: Viewer | null,
  kind: 'hashtags' | 'topics',
  { offset, limit }: { offset: number; limit: number },
): Promise<{ trends: TrendAnswer[]; hasMore: boolean }> {
  const nowMs = deps.now()
  const { trends, muted_words } = await trendsFor(deps, viewer, nowMs)
  const shown = withoutMuted(trends?.[kind] ?? [], kind, muted_words, nowMs)
  return {
    trends: shown.slice(offset, offset + limit).map(presentTrend),
    hasMore: shown.length > offset + limit,
  }
}

async function trendsFor(deps: Deps, viewer: Viewer | null, nowMs: number): Promise<TrendsForReader> {
  const known = viewer === null ? deps.trends.get(nowMs) : null
  if (known !== null) return { trends: known, muted_words: [] }
  const read = await deps.timed('db', () =>
    readLaggingFor(deps, viewer, (db) => readTrends(db, viewer?.id ?? null)),
  )
  if (read.trends !== null) deps.trends.set(read.trends, nowMs)
  return read
}
