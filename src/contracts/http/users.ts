import { z } from '@hono/zod-openapi'
import { isId, type UserId } from '../../domain/ids.ts'
import { cleanText, isWebsite } from '../../domain/profile.ts'
import { codePointLength, isBlank } from '../../domain/tweet-text.ts'
import { optional, pagination } from './common.ts'

const DISPLAY_NAME_LENGTH_MAX = 100
const BIO_LENGTH_MAX = 500
const LOCATION_LENGTH_MAX = 100
const WEBSITE_LENGTH_MAX = 255
const MEDIA_URL_LENGTH_MAX = 2_048

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

const relationship = z
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
export type UserPage = z.infer<typeof userPage>

const mutedUser = listedUser
  .extend({ muted_until: z.string().nullable().openapi({ description: 'Null for a mute that stays' }) })
  .openapi('MutedUser')
export type MutedUser = z.infer<typeof mutedUser>

export const mutedUserPage = z.object({ users: z.array(mutedUser), pagination }).openapi('MutedUserPage')

/** A line of a profile as it is stored: cleaned, and empty when a reader would see nothing. */
const profileText = (maxLength: number) =>
  z
    .string()
    .overwrite((raw) => {
      const text = cleanText(raw)
      return isBlank(text) ? '' : text
    })
    .refine((text) => codePointLength(text) <= maxLength, `must have at most ${maxLength} characters`)
    .openapi({ maxLength })

const mediaUrl = z
  .string()
  .max(MEDIA_URL_LENGTH_MAX)
  .refine((url) => url.isWellFormed() && !url.includes('\0'), 'must be text')
  .openapi({ description: 'The URL it has, or null: nothing can be uploaded yet' })

export const updateProfileRequest = z
  .object({
    display_name: optional(
      profileText(DISPLAY_NAME_LENGTH_MAX)
        .refine((name) => name !== '', 'must not be blank')
        .openapi({ minLength: 1, example: 'Ada Lovelace' }),
    ),
    bio: optional(profileText(BIO_LENGTH_MAX)),
    location: optional(profileText(LOCATION_LENGTH_MAX)),
    website: optional(
      z
        .string()
        .trim()
        .refine(
          (url) => url === '' || isWebsite(url),
          `must be an http or https address of at most ${WEBSITE_LENGTH_MAX} characters`,
        )
        .openapi({ format: 'uri', maxLength: WEBSITE_LENGTH_MAX, example: 'https://example.com/ada' }),
    ),
    birth_date: optional(z.string().openapi({ format: 'date', example: '1990-12-10' })),
    avatar_url: optional(mediaUrl),
    cover_url: optional(mediaUrl),
    is_private: optional(z.boolean()),
    hide_sensitive: optional(
      z.boolean().openapi({
        description:
          'Whether sensitive tweets of others are left out of home, lists and other people’s timelines, and are stubs ' +
          'where they are quoted there. What one asks for by id, and one’s likes, bookmarks and notifications, show them.',
      }),
    ),
  })
  .openapi('UpdateProfileRequest', {
    description:
      'Absent fields stay as they are. Null, or an empty text, clears what may be empty; null leaves `display_name`, ' +
      '`bio`, `is_private` and `hide_sensitive` as they are.',
  })
export type UpdateProfileRequest = z.infer<typeof updateProfileRequest>

export const followRequest = z
  .object({
    following_id: optional(
      z
        .number()
        .refine(isId, 'must be an id')
        .transform((id) => id as UserId),
    ).openapi({
      type: ['integer', 'null'],
      format: 'int64',
      description: 'If given, the id of the user in the path',
    }),
  })
  .openapi('FollowRequest')

export const followSettingsRequest = z
  .object({
    show_retweets: optional(z.boolean()),
    notify: optional(z.boolean()).openapi({ description: 'Be notified of each of their tweets' }),
  })
  .openapi('FollowSettingsRequest', { description: 'What is absent stays as it is' })

export const followSettings = z
  .object({ show_retweets: z.boolean(), notify: z.boolean() })
  .openapi('FollowSettings')
export type FollowSettingsJson = z.infer<typeof followSettings>

export const followAnswer = z
  .object({
    message: z.enum(['User followed', 'Follow requested', 'User unfollowed']),
    is_following: z.boolean(),
    follow_requested: z.boolean(),
  })
  .openapi('FollowAnswer')

export const muteRequest = z
  .object({
    expires_at: optional(
      z.iso
        .datetime({ offset: true })
        .transform((text) => new Date(text))
        .openapi({ format: 'date-time', example: '2030-01-01T00:00:00Z' }),
    ).openapi({ type: ['string', 'null'] }),
  })
  .openapi('MuteRequest', { description: '`expires_at` is in the future; without it the mute stays' })

export const blockAnswer = z
  .object({ message: z.enum(['User blocked', 'User unblocked']), is_blocking: z.boolean() })
  .openapi('BlockAnswer')

export const muteAnswer = z
  .object({ message: z.enum(['User muted', 'User unmuted']), is_muting: z.boolean() })
  .openapi('MuteAnswer')

export const followRequestAnswer = z
  .object({ message: z.enum(['Request accepted', 'Request rejected']) })
  .openapi('FollowRequestAnswer')
