import { join } from 'node:path'
import { z } from 'zod'
import { newUserId, type UserId } from '../../../src/domain/ids.ts'
import { signingKeys } from '../../../src/services/signing-keys.ts'
import { signAccessToken } from '../../../src/services/tokens.ts'
import { withClient } from '../../../tools/stack/databases.ts'
import { readEnvFile } from '../../../tools/stack/env-file.ts'
import type { Person } from './client.ts'
import { databaseUrlOf } from './owed.ts'
import type { Stack } from './stack.ts'

export interface Crowd {
  author: Person
  /** By id, as fan-out goes through them. The last few have asked to be told of each tweet. */
  followers: Person[]
}

const TOLD_OF_TWEETS = 3

/**
 * Puts an author with so many followers straight into the database: registering them would hash for minutes. The author
 * is not told of followers.
 */
export async function addCrowd(stack: Stack, followerCount: number): Promise<Crowd> {
  const authorId = newUserId(Date.now(), Math.random)
  const name = `crowd_${crypto.randomUUID().slice(0, 8)}`
  await withClient(await databaseUrlOf(stack), (client) =>
    client.query(
      `with added as (
         insert into users (id, username, email, password_hash, display_name, follower_count, following_count)
         select $1::bigint + n, $2 || '_' || n, $2 || '_' || n || '@example.com', '', $2 || ' ' || n,
                case n when 0 then $3::int else 0 end, case n when 0 then 0 else 1 end
         from generate_series(0, $3::int) n
         returning id
       ), inbox as (
         insert into notification_inboxes (user_id, preferences) 
         select id, '{"follow": "nobody"}' from added where id = $1 and $3::int > 0
       )
       insert into follows (follower_id, following_id, notify)
       select id, $1, id > $1 + $3::int - $4::int from added where id <> $1`,
      [authorId, name, followerCount, TOLD_OF_TWEETS],
    ),
  )
  const sign = await signerOf(stack)
  const people = await Promise.all(
    Array.from({ length: followerCount + 1 }, (_, n) => sign((authorId + n) as UserId, `${name}_${n}`)),
  )
  const [author, ...followers] = people
  if (author === undefined) throw new Error('A crowd has an author')
  return { author, followers }
}

const secrets = z.object({ JWT_SECRET: z.string() })

/** Somebody whom nobody follows, put straight into the database. */
export async function addPerson(stack: Stack): Promise<Person> {
  return (await addCrowd(stack, 0)).author
}

/** Signs access tokens as the stack's own Worker does. */
async function signerOf({ place }: Stack): Promise<(id: UserId, username: string) => Promise<Person>> {
  const { JWT_SECRET } = secrets.parse(await readEnvFile(join(place.dataDir, 'dev.env')))
  const keys = signingKeys.parse(JWT_SECRET)
  return async (id, username) => {
    const viewer = { id, username, sessionId: crypto.randomUUID(), role: 'user' as const }
    return { id, username, token: await signAccessToken(keys, viewer, Date.now()) }
  }
}
