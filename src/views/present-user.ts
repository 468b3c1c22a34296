import type { ListedUser, MutedUser, OwnProfile, Profile } from '../contracts/http/users.ts'
import type { ListedUserRow } from '../db/statements/follow-lists.ts'
import type { OwnPersonRow } from '../db/statements/own-people.ts'
import type { ShownProfile } from '../db/statements/users.ts'
import { presentOwnProfile, presentProfile, presentUserCard } from './present-profile.ts'

/** A profile as far as its reader may see it. */
export function presentShownProfile(shown: ShownProfile): OwnProfile | Profile {
  switch (shown.shownAs) {
    case 'own':
      return presentOwnProfile(shown.profile)
    case 'other':
      return presentProfile(shown.profile, shown.relationship ?? undefined)
    case 'card':
      return {
        ...presentUserCard(shown.profile),
        ...(shown.relationship === null ? {} : { relationship: shown.relationship }),
      }
  }
}

/** A line of a list of users; `relationship` only for a reader who is signed in. */
export function presentListedUser(
  { user, relationship }: Pick<ListedUserRow, 'user' | 'relationship'>,
  signedIn: boolean,
): ListedUser {
  return { ...presentUserCard(user), ...(signedIn ? { relationship } : {}) }
}

/** A line of the list of those whom the reader has muted. */
export function presentMutedUser(row: OwnPersonRow): MutedUser {
  const { until_ms: untilMs } = row
  const muted_until = untilMs === null ? null : new Date(untilMs).toISOString()
  return { ...presentListedUser(row, true), muted_until }
}
