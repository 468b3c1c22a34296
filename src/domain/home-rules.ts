/** What is known of a tweet on somebody's home timeline. */
export interface HomeCandidate {
  /** Deleted, or its author is deactivated or suspended. */
  gone: boolean
  authorIsPrivate: boolean
  /** The reader follows the author, or is the author. */
  ofFollowee: boolean
  /** It stands there by the retweet of somebody who is deactivated or suspended. */
  retweeterGone: boolean
}

/**
 * Whether a tweet may stand on a home timeline. What a followee wrote does also without the retweet by which it moved up. Blocks and mutes are applied by the timeline object itself, muted words to
 * what would be shown (`isMutedFor`).
 */
export function mayStandOnHome({ gone, authorIsPrivate, ofFollowee, retweeterGone }: HomeCandidate): boolean {
  return !gone && ((!authorIsPrivate && !retweeterGone) || ofFollowee)
}
