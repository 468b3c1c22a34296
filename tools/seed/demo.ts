import { inventCommunity } from './community.ts'
import { readCast } from './demo-cast.ts'
import { loadLibrary } from './library.ts'
import { loadCommunity } from './load-community.ts'
import { at } from './random.ts'

const DEMO_USERNAME = 'demo'
const DEMO_PASSWORD = 'warblers-come-back-in-april'
const DEMO_TWEETS = 1_500
const AVERAGE_FOLLOWING = 14
/** So that there is something from the last hour whenever somebody looks. */
const RECENCY = 1.5

/**
 * Loads a small community with an account `demo` that follows people worth reading. Where it is there already it
 * stays as it is. Throws a StackError when somebody else has one of its names.
 */
export async function seedDemoCommunity(
  databaseUrl: string,
  nowMs = Date.now(),
): Promise<{ username: string; password: string }> {
  const cast = readCast()
  const favourite = cast.find(({ username }) => username === DEMO_USERNAME)?.interests[0] ?? ''
  const others = cast.filter(({ username }) => username !== DEMO_USERNAME)
  const plan = {
    seed: 'demo',
    nowMs,
    profiles: cast,
    averageFollowing: AVERAGE_FOLLOWING,
    follows: [
      ...others
        .filter(({ isFollowed }) => isFollowed)
        .map(({ username }) => [DEMO_USERNAME, username] as const),
      ...others
        .filter(({ interests }) => interests.includes(favourite))
        .map(({ username }) => [username, DEMO_USERNAME] as const),
    ],
    tweets: { count: DEMO_TWEETS, recency: RECENCY },
  }
  await loadCommunity(databaseUrl, {
    firstEmail: at(cast, 0).email,
    invent: () => inventCommunity(plan, loadLibrary()),
    password: DEMO_PASSWORD,
  })
  return { username: DEMO_USERNAME, password: DEMO_PASSWORD }
}
