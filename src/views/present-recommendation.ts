import type { RecommendedUser } from '../contracts/http/recommendations.ts'
import type { RecommendedRow } from '../db/statements/recommendations.ts'
import { reasonText } from '../domain/recommendation-reason.ts'
import { presentUserCard } from './present-profile.ts'

/** Row to wire. */
export function presentRecommendation({
  user,
  relationship,
  type,
  mutuals,
  mutual_users,
  tag,
}: RecommendedRow): RecommendedUser {
  const names = mutual_users.map(({ display_name }) => display_name)
  return {
    ...presentUserCard(user),
    relationship,
    reason: {
      type,
      text: reasonText(type, { names, mutuals, tag }),
      users: mutual_users.map(presentUserCard),
    },
  }
}
