import { createHash } from 'node:crypto'
import { withClient } from '../stack/databases.ts'
import { type Community, inventCommunity } from './community.ts'
import { loadLibrary } from './library.ts'
import { loadCommunity } from './load-community.ts'
import { emailOf, inventProfiles, type Person } from './people.ts'
import type { Progress } from './progress.ts'
import { randomStream } from './random.ts'

export const SEED_PASSWORD = 'reed-warblers-sing-all-night'

const AVERAGE_FOLLOWING = 30
/** One in so many is verified: those with the most followers. */
const PEOPLE_PER_VERIFIED = 120
const SUFFIX_LENGTH = 4

export interface SeedRequest {
  users: number
  tweets: number
  /** The same seed with the same numbers is the same community. */
  seed: string
  nowMs: number
}

export interface Seeded {
  /** False: this community was there before and nothing was written. */
  isNew: boolean
  /** Whoever has the most followers. */
  star: string
}

/**
 * Adds a community to a migrated database: all of it, or (a second time, or when it fails) nothing. Throws a
 * StackError when the database has some of its names already.
 */
export async function seedCommunity(
  databaseUrl: string,
  request: SeedRequest,
  showProgress?: (rows: number) => Progress,
): Promise<Seeded> {
  const suffix = suffixOf(request)
  const isNew = await loadCommunity(databaseUrl, {
    firstEmail: emailOf(0, suffix),
    invent: () => invent(request, suffix),
    password: SEED_PASSWORD,
    showProgress,
  })
  return { isNew, star: await mostFollowed(databaseUrl, suffix) }
}

function invent({ seed, users, tweets, nowMs }: SeedRequest, suffix: string): Community {
  const library = loadLibrary()
  const name = `${seed}/${users}/${tweets}`
  const random = randomStream(`${name}/people`)
  const plan = {
    seed: name,
    nowMs,
    profiles: inventProfiles(users, { suffix, library, random }),
    averageFollowing: AVERAGE_FOLLOWING,
    tweets: { count: tweets, recency: 1 },
    judge: verifyFamous,
  }
  return inventCommunity(plan, library)
}

/** Tells the communities of one database apart: part of each name and address. */
function suffixOf({ seed, users, tweets }: SeedRequest): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, users, tweets]))
    .digest()
  return digest.readUInt32BE().toString(36).padStart(SUFFIX_LENGTH, '0').slice(-SUFFIX_LENGTH)
}

/** The most followed are verified, and public. */
function verifyFamous(people: readonly Person[]) {
  const byFame = people.toSorted((a, b) => b.followers.length - a.followers.length)
  for (const person of byFame.slice(0, Math.ceil(people.length / PEOPLE_PER_VERIFIED))) {
    person.verified = true
    person.isPrivate = false
  }
}

async function mostFollowed(databaseUrl: string, suffix: string): Promise<string> {
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query<{ username: string }>(
      'select username from users where email like $1 order by follower_count desc, id limit 1',
      [`%@${suffix}.example`],
    ),
  )
  return rows[0]?.username ?? ''
}
