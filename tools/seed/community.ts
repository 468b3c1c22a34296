import { timeOf } from '../../src/domain/ids.ts'
import { type Calendar, calendarOf } from './calendar.ts'
import type { World } from './conversations.ts'
import { engage, type Like, type Retweet } from './engagement.ts'
import { type Follow, growFollowGraph } from './follow-graph.ts'
import { createIdMaker, type IdMaker } from './id-maker.ts'
import type { Library } from './library.ts'
import type { Person, Profile } from './people.ts'
import { type Random, randomStream } from './random.ts'
import type { Tweet } from './tweet.ts'
import { type TweetPlan, writeTweets } from './tweets.ts'

export interface CommunityPlan {
  /** Communities of one seed and one plan are equal to the byte. */
  seed: string
  nowMs: number
  /** In the order in which they join. */
  profiles: readonly Profile[]
  averageFollowing: number
  /** Follows that must be there, by username. */
  follows?: readonly (readonly [follower: string, followee: string])[]
  tweets: TweetPlan
  /** Called when everybody's followers are known: whom to verify, say. */
  judge?: (people: readonly Person[]) => void
}

/** All that happens in a community, but for the texts: those are composed while they are written. */
export interface Community {
  calendar: Calendar
  library: Library
  people: readonly Person[]
  follows: readonly Follow[]
  tweets: readonly Tweet[]
  likes: readonly Like[]
  retweets: readonly Retweet[]
  /** The stream that the texts are composed from. */
  textRandom: Random
  nonceRandom: Random
}

/** Invents a community from its plan and nothing else: neither the clock nor the database is asked. */
export function inventCommunity(plan: CommunityPlan, library: Library): Community {
  const stream = (part: string) => randomStream(`${plan.seed}/${part}`)
  const calendar = calendarOf(plan.nowMs)
  const ids = createIdMaker(stream('ids'))
  const people = joinAll(plan.profiles, calendar, ids, stream('joining'))
  const graph = growFollowGraph(people, plan.averageFollowing, pairsOf(plan.follows ?? [], people), {
    calendar,
    random: stream('follows'),
  })
  plan.judge?.(people)
  const world: World = { graph, calendar, library, ids, random: stream('tweets') }
  const tweets = writeTweets(people, plan.tweets, world)
  const engagement = engage(tweets, { ...world, random: stream('engagement') })
  return {
    ...engagement,
    ...{ calendar, library, people, tweets },
    follows: graph.follows,
    textRandom: stream('texts'),
    nonceRandom: stream('nonces'),
  }
}

/** Spreads the joining over the time before the first tweet, in the order of the profiles. */
function joinAll(profiles: readonly Profile[], calendar: Calendar, ids: IdMaker, random: Random): Person[] {
  const { beginsMs, tweetsFromMs } = calendar
  const stepMs = (tweetsFromMs - beginsMs) / profiles.length
  return profiles.map((profile, number) => {
    const joinedMs = Math.floor(beginsMs + (number + random.unit()) * stepMs)
    const id = ids.userId(joinedMs)
    return { ...profile, id, number, joinedMs: timeOf(id), followers: [], following: [], tweetCount: 0 }
  })
}

function pairsOf(
  names: readonly (readonly [string, string])[],
  people: readonly Person[],
): [Person, Person][] {
  const byName = new Map(people.map((person) => [person.username, person]))
  const named = (username: string) => {
    const person = byName.get(username)
    if (person === undefined) throw new Error(`Nobody is called ${username}`)
    return person
  }
  return names.map(([follower, followee]) => [named(follower), named(followee)])
}
