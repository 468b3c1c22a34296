import { sql } from 'drizzle-orm'
import type { OutboxRow } from '../../src/contracts/queues.ts'
import { newTweetId, type TweetId } from '../../src/domain/ids.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { muteWord, unmuteWord } from '../../src/services/mute-word.ts'
import { rows, testDeps } from './harness.ts'
import { insertTweets } from './people.ts'

/** A page that is stale already is not filled up: for tests of full pages on a busy machine. */
export function patient(): Pick<Deps, 'settings'> {
  return { settings: { ...testDeps().settings, freshenDeadlineMs: 10_000 } }
}

export interface Muted {
  id: number
  outbox: OutboxRow[]
}

/** Mutes as the route does; what it owes is answered instead of sent. */
export async function mute(
  reader: Viewer,
  phrase: string,
  { expiresAtMs = null, ...replaced }: Partial<Deps> & { expiresAtMs?: number | null } = {},
): Promise<Muted> {
  const deps = testDeps(replaced)
  const { word } = await muteWord(deps, reader, { phrase, expiresAtMs })
  await deps.settled()
  return { id: word.id, outbox: deps.sent }
}

export async function unmute(
  reader: Viewer,
  { id }: Pick<Muted, 'id'>,
  replaced: Partial<Deps> = {},
): Promise<OutboxRow[]> {
  const deps = testDeps(replaced)
  await unmuteWord(deps, reader, id)
  await deps.settled()
  return deps.sent
}

const MINUTE_MS = 60_000

export interface Saying {
  by: Viewer
  text: string
  quotes?: TweetId
}

/** A tweet of each text straight into the database, a minute apart up to a minute ago, the newest first. */
export async function say(sayings: readonly Saying[]): Promise<TweetId[]> {
  const nowMs = Date.now()
  const tweets = sayings.map(({ by, text, quotes }, n) => ({
    id: newTweetId(nowMs - (n + 1) * MINUTE_MS, by.id, Math.random),
    author: by,
    text,
    ...(quotes === undefined ? {} : { quotes }),
  }))
  await insertTweets(tweets)
  const texts = JSON.stringify(tweets.map(({ id, text }) => ({ id, text })))
  await rows(sql`
    update tweets t set content = given.text
    from jsonb_to_recordset(${texts}::jsonb) as given(id bigint, text text)
    where t.id = given.id`)
  return tweets.map(({ id }) => id)
}
