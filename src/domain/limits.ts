/** The sliding windows of the long quotas (specification, "Rate Limiting"): 300 tweets in 3 hours, 1,000 follows a day. */
export const QUOTA_WINDOW_SECONDS = { tweets: 10_800, follows: 86_400 } as const
