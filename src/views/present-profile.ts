import type { OwnProfile, Profile, Relationship, UserCard } from '../contracts/http/users.ts'
import type { OwnProfileRow, ProfileRow, UserCardRow } from '../db/statements/profile-columns.ts'

export function presentUserCard(row: UserCardRow): UserCard {
  return {
    id: row.id,
    username: row.username,
    display_name: row.display_name,
    avatar_url: row.avatar_url,
    verified: row.verified,
  }
}

/** A profile as others see it; `relationship` only for a reader who is signed in. */
export function presentProfile(row: ProfileRow, relationship?: Relationship): Profile {
  return {
    ...presentUserCard(row),
    bio: row.bio,
    cover_url: row.cover_url,
    location: row.location,
    website: row.website,
    is_private: row.is_private,
    follower_count: row.follower_count,
    following_count: row.following_count,
    tweet_count: row.tweet_count,
    created_at: new Date(row.created_at_ms).toISOString(),
    ...(relationship === undefined ? {} : { relationship }),
  }
}

/** A profile as its owner sees it. */
export function presentOwnProfile(row: OwnProfileRow): OwnProfile {
  return {
    ...presentProfile(row),
    email: row.email,
    birth_date: row.birth_date,
    role: row.role,
    hide_sensitive: row.hide_sensitive,
  }
}
