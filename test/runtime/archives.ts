import { env, exports } from 'cloudflare:workers'
import { sql } from 'drizzle-orm'
import { archiveKey } from '../../src/services/archive-keys.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { signArchiveToken } from '../../src/services/tokens.ts'
import { configurationOf } from '../../src/worker/env.ts'
import { requestOf, rows } from './harness.ts'

const DAY_MS = 86_400_000

/** Gives somebody an export that is ready, with an archive of this content; answers the token of its link. */
export async function insertArchive({ id: user_id }: Viewer, content = 'An archive'): Promise<string> {
  const archive = { id: crypto.randomUUID(), user_id }
  await env.ARCHIVES.put(archiveKey(archive), content)
  await rows(sql`
    insert into exports (id, user_id, state, bytes, finished_at, expires_at)
    values (${archive.id}::uuid, ${user_id}, 'ready', ${content.length}, now(), now() + interval '1 day')`)
  return signArchiveToken(configurationOf(env).settings.accessKeys, archive, Date.now() + DAY_MS)
}

/** The keys of what is stored of somebody. */
export async function storedOf({ id }: Pick<Viewer, 'id'>): Promise<string[]> {
  const { objects } = await env.ARCHIVES.list({ prefix: `exports/${id}/` })
  return objects.map(({ key }) => key)
}

export const archivePath = (token: string) => `/api/export/archive?token=${token}`

/** Follows the link of an archive. */
export function download(token: string, headers: Record<string, string> = {}): Promise<Response> {
  return exports.default.fetch(requestOf('GET', archivePath(token), { headers }))
}
