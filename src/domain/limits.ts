/**
 * The sliding windows of the long quotas (specification, "Rate Limiting"): 300 tweets in 3 hours, 1,000 follows and 1,000
 * likes a day; and 500 messages a day.
 */
export const QUOTA_WINDOW_SECONDS = {
  tweets: 10_800,
  follows: 86_400,
  likes: 86_400,
  messages: 86_400,
} as const

/** Tweets of a thread that are posted together. */
export const THREAD_LENGTH_MAX = 25

/** How long after it was posted a tweet can be edited, and how often. */
export const EDIT_WINDOW_SECONDS = 3600
export const EDITS_MAX = 5

/** Muted words of one user that have not expired. */
export const MUTED_WORDS_MAX = 200

/** How long an archive of somebody's data can be downloaded, and how many are begun within 24 hours: failed ones count. */
export const ARCHIVE_TTL_SECONDS = 86_400
export const EXPORTS_PER_DAY = 3

/** Lists of one user, and members of one list. */
export const LISTS_MAX = 100
export const LIST_MEMBERS_MAX = 500
