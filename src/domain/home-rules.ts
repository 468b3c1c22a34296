/** What is known of a tweet on somebody's home timeline. */
export interface HomeCandidate {
  /** Deleted, or its author is deactivated or suspended. */
  gone: boolean
  authorIsPrivate: boolean
  /** The reader follows the author, or is the author. */
  ofFollowee: boolean
}

/**
 * Whether a tweet may stand on a home timeline. Blocks and mutes are applied by the timeline object itself, muted words to
 * what would be shown (`isMutedFor`).
 */
export function mayStandOnHome({ gone, authorIsPrivate, ofFollowee }: HomeCandidate): boolean {
  return !gone && (!authorIsPrivate || ofFollowee)
}
