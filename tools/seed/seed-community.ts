import { createHash } from 'node:crypto'
import type pg from 'pg'
import { hashPassword } from '../../src/passwords/scrypt.ts'
import { withClient } from '../stack/databases.ts'
import { codeOf, StackError } from '../stack/stack-error.ts'
import { type Community, inventCommunity } from './community.ts'
import { loadLibrary } from './library.ts'
import { emailOf, inventProfiles, type Person } from './people.ts'
import { NO_PROGRESS, type Progress } from './progress.ts'
import { randomStream } from './random.ts'
import { isWritten, rowsOf, writeCommunity } from './write-community.ts'

export const SEED_PASSWORD = 'reed-warblers-sing-all-night'

const AVERAGE_FOLLOWING = 30
/** One in so many is verified: those with the most followers. */
const PEOPLE_PER_VERIFIED = 120
const SUFFIX_LENGTH = 4
const UNIQUE_VIOLATION = '23505'

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

export interface SeedOptions {
  /** Everybody's; that of SEED_PASSWORD by default. */
  passwordHash?: string
  /** Told the number of rows once it is known. */
  showProgress?: (rows: number) => Progress
}

/**
 * Adds a community to a migrated database: all of it, or (a second time, or when it fails) nothing. Throws a
 * StackError when the database has some of its names already.
 */
export async function seedCommunity(
  databaseUrl: string,
  request: SeedRequest,
  options: SeedOptions = {},
): Promise<Seeded> {
  const suffix = suffixOf(request)
  return withClient(databaseUrl, async (client) => {
    const isNew =
      !(await isWritten(client, emailOf(0, suffix))) && (await write(client, request, suffix, options))
    return { isNew, star: await mostFollowed(client, suffix) }
  })
}

async function write(
  client: pg.ClientBase,
  request: SeedRequest,
  suffix: string,
  { passwordHash, showProgress = () => NO_PROGRESS }: SeedOptions,
): Promise<boolean> {
  const community = invent(request, suffix)
  const progress = showProgress(rowsOf(community))
  try {
    const hash = passwordHash ?? (await hashPassword(SEED_PASSWORD))
    return await writeCommunity(client, community, { passwordHash: hash, progress })
  } catch (error) {
    if (codeOf(error) !== UNIQUE_VIOLATION) throw error
    throw new StackError(
      'Some names or ids of this community are taken in the database: choose another --seed.',
    )
  } finally {
    progress.end()
  }
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

async function mostFollowed(client: pg.ClientBase, suffix: string): Promise<string> {
  const { rows } = await client.query<{ username: string }>(
    'select username from users where email like $1 order by follower_count desc, id limit 1',
    [`%@${suffix}.example`],
  )
  return rows[0]?.username ?? ''
}
