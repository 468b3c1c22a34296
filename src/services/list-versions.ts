import type { TweetVersion } from '../contracts/http/tweets.ts'
import { readVersions, type VersionPage } from '../db/statements/edit-tweet.ts'
import { AppError } from '../domain/errors.ts'
import type { TweetId } from '../domain/ids.ts'
import type { Deps, Viewer } from './deps.ts'

/** What a tweet says and said, newest first, for those who may see it. Throws `tweet_not_found`. */
export async function listVersions(
  deps: Deps,
  viewer: Viewer | null,
  id: TweetId,
  page: VersionPage,
): Promise<{ versions: TweetVersion[]; nextBefore: number | null }> {
  const rows = await deps.timed('db', () =>
    readVersions(deps.db, id, viewer?.id ?? null, { ...page, limit: page.limit + 1 }),
  )
  if (rows === null) throw new AppError('tweet_not_found')
  const shown = rows.slice(0, page.limit)
  return {
    versions: shown.map(({ content, entities, created_at }) => {
      return { content, entities, created_at: new Date(created_at).toISOString() }
    }),
    nextBefore: rows.length > page.limit ? (shown.at(-1)?.version ?? null) : null,
  }
}
