import { z } from '@hono/zod-openapi'
import { pagination } from './common.ts'

export const userCard = z
  .object({
    id: z.number().int(),
    username: z.string(),
    display_name: z.string(),
    avatar_url: z.string().nullable(),
    verified: z.boolean(),
  })
  .openapi('UserCard')
export type UserCard = z.infer<typeof userCard>

export const relationship = z
  .object({
    is_following: z.boolean(),
    is_followed_by: z.boolean(),
    follow_requested: z.boolean(),
    is_blocking: z.boolean(),
    is_muting: z.boolean(),
  })
  .openapi('Relationship')
export type Relationship = z.infer<typeof relationship>

/** Someone who blocks the reader shows as a bare UserCard: all else is absent. */
export const profile = userCard
  .extend({
    bio: z.string().optional(),
    cover_url: z.string().nullable().optional(),
    location: z.string().nullable().optional(),
    website: z.string().nullable().optional(),
    is_private: z.boolean().optional(),
    follower_count: z.number().int().optional(),
    following_count: z.number().int().optional(),
    tweet_count: z.number().int().optional(),
    created_at: z.string().optional(),
    relationship: relationship.optional(),
  })
  .openapi('Profile')
export type Profile = z.infer<typeof profile>

export const ownProfile = profile
  .extend({
    email: z.string(),
    birth_date: z.string().nullable(),
    role: z.enum(['user', 'moderator', 'admin']),
    hide_sensitive: z.boolean(),
  })
  .openapi('OwnProfile')
export type OwnProfile = z.infer<typeof ownProfile>

export const listedUser = userCard.extend({ relationship: relationship.optional() }).openapi('ListedUser')
export type ListedUser = z.infer<typeof listedUser>

export const userPage = z.object({ users: z.array(listedUser), pagination }).openapi('UserPage')
