import { type SQL, sql } from 'drizzle-orm'
import type { OwnProfile } from '../../contracts/http/users.ts'
import type { UserId } from '../../domain/ids.ts'

/** What a UserCard is made of. */
export interface UserCardRow {
  id: UserId
  username: string
  display_name: string
  avatar_url: string | null
  verified: boolean
}

/** What anyone may read of a profile. */
export interface ProfileRow extends UserCardRow {
  bio: string
  cover_url: string | null
  location: string | null
  website: string | null
  is_private: boolean
  follower_count: number
  following_count: number
  tweet_count: number
  created_at_ms: number
}

/** What its owner reads besides. */
export interface OwnProfileRow extends ProfileRow {
  email: string
  /** `YYYY-MM-DD` */
  birth_date: string | null
  role: OwnProfile['role']
  hide_sensitive: boolean
}

/** The columns of a UserCardRow, of `users as u`. */
export const userCardColumns: SQL = sql.raw(`
  u.id::float8 as id,
  u.username,
  u.display_name,
  u.avatar_url,
  u.verified`)

/** The columns of a ProfileRow, of `users as u`. */
export const profileColumns: SQL = sql`${userCardColumns}, ${sql.raw(`
  u.bio,
  u.cover_url,
  u.location,
  u.website,
  u.is_private,
  u.follower_count,
  u.following_count,
  u.tweet_count,
  (extract(epoch from u.created_at) * 1000)::float8 as created_at_ms`)}`

/** The columns of an OwnProfileRow, of `users as u`. */
export const ownProfileColumns: SQL = sql`${profileColumns}, ${sql.raw(`
  u.email,
  u.birth_date::text as birth_date,
  u.role,
  u.hide_sensitive`)}`
