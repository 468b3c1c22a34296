import type pg from 'pg'

export const ROLES = ['user', 'moderator', 'admin'] as const
export type Role = (typeof ROLES)[number]

export interface Holder {
  username: string
  role: Role
}

/** Gives somebody a role, by name without regard to case; answers their name as it is written, or null for nobody. */
export async function grantRole(client: pg.Client, username: string, role: Role): Promise<string | null> {
  const { rows } = await client.query<{ username: string }>(
    'update users set role = $2, updated_at = now() where lower(username) = lower($1) returning username',
    [username, role],
  )
  return rows[0]?.username ?? null
}

/** Everybody whose role is more than a user's, admins first. */
export async function listHolders(client: pg.Client): Promise<Holder[]> {
  const { rows } = await client.query<Holder>(
    "select username, role from users where role <> 'user' order by role, lower(username)",
  )
  return rows
}
