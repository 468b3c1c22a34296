/** How long an access token is good: it is not looked up, so a sign-out reaches it this late. */
export const ACCESS_TOKEN_TTL_SECONDS = 15 * 60

/** A sign-in lives this long after its last refresh. */
export const REFRESH_TOKEN_TTL_SECONDS = 7 * 24 * 60 * 60

/**
 * For so long a refresh token that was just replaced still gets the answer that replaced it: two tabs may
 * refresh at once, and an answer may be lost on its way. Later its use means that somebody copied it.
 */
export const REFRESH_GRACE_SECONDS = 10

/** What is kept of the header that names the client. */
export const USER_AGENT_LENGTH_MAX = 255
