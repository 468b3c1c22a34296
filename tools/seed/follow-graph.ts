import type { Calendar } from './calendar.ts'
import { logNormal } from './distributions.ts'
import type { Person } from './people.ts'
import { at, type Random } from './random.ts'

export interface Follow {
  follower: Person
  followee: Person
  atMs: number
}

export interface FollowGraph {
  follows: readonly Follow[]
  isFollowing(follower: Person, followee: Person): boolean
}

/** How often a follow goes to anybody rather than to someone in proportion to their followers. */
const ANYBODY_SHARE = 0.15
const BY_INTEREST_SHARE = 0.45
const BY_LANGUAGE_SHARE = 0.3
/** The spread (of the logarithm) of how many people follow: most a few, some very many. */
const FOLLOWING_SIGMA = 1
const MAX_TRIES = 12

/**
 * Lets everybody follow, in the order of time, people who have joined by then: the model of D. J. de Solla Price
 * ("A general theory of bibliometric and other cumulative advantage processes", 1976). With A the share of follows
 * that go to anybody, the number of followers is distributed by a power law with the exponent 2 + A / (1 - A).
 * Most follows stay among people of one interest or one language, which makes the clusters. `given` follows are
 * made besides. Fills `followers` and `following` of each person.
 */
export function growFollowGraph(
  people: readonly Person[],
  averageFollowing: number,
  given: readonly (readonly [follower: Person, followee: Person])[],
  { calendar, random }: { calendar: Calendar; random: Random },
): FollowGraph {
  const circles = new Circles(random)
  const follows: Follow[] = []
  const made = new Set<number>()
  const key = (follower: Person, followee: Person) => follower.number * people.length + followee.number
  const follow = ({ person, atMs }: Intention, followee: Person): boolean => {
    if (followee === person || made.has(key(person, followee))) return false
    made.add(key(person, followee))
    follows.push({ follower: person, followee, atMs })
    person.following.push(followee)
    followee.followers.push(person)
    circles.noteFollow(followee)
    return true
  }
  const intentions = [
    ...given.map(([person, followee]) => ({
      person,
      followee,
      atMs: momentAfter(Math.max(person.joinedMs, followee.joinedMs), calendar, random),
    })),
    ...ownIntentions(people, averageFollowing, calendar, random),
  ].sort((a, b) => a.atMs - b.atMs)
  let arrived = 0
  for (const intention of intentions) {
    for (; arrived < people.length && at(people, arrived).joinedMs <= intention.atMs; arrived++) {
      circles.welcome(at(people, arrived))
    }
    if (intention.followee !== undefined) follow(intention, intention.followee)
    else
      for (
        let tries = 0;
        tries < MAX_TRIES && !follow(intention, circles.suggest(intention.person));
        tries++
      );
  }
  return { follows, isFollowing: (follower, followee) => made.has(key(follower, followee)) }
}

interface Intention {
  person: Person
  atMs: number
  /** Whom: chosen at the time if it is not given. */
  followee?: Person
}

function ownIntentions(
  people: readonly Person[],
  average: number,
  calendar: Calendar,
  random: Random,
): Intention[] {
  return people.flatMap((person) => {
    const count = Math.ceil(Math.min(logNormal(random, average, FOLLOWING_SIGMA), people.length / 2))
    return Array.from({ length: count }, () => ({
      person,
      atMs: momentAfter(person.joinedMs, calendar, random),
    }))
  })
}

/** People follow most in their first weeks. */
function momentAfter(startMs: number, { nowMs }: Calendar, random: Random): number {
  return Math.floor(startMs + random.unit() ** 2 * (nowMs - startMs))
}

/** Those who know of each other: everybody, those of one interest, those of one language. */
class Circles {
  readonly #random: Random
  readonly #everybody: Circle = emptyCircle()
  readonly #byInterest = new Map<string, Circle>()
  readonly #byLanguage = new Map<string, Circle>()

  constructor(random: Random) {
    this.#random = random
  }

  welcome(person: Person) {
    for (const circle of this.#circlesOf(person)) circle.members.push(person)
  }

  noteFollow(followee: Person) {
    for (const circle of this.#circlesOf(followee)) circle.followed.push(followee)
  }

  suggest(person: Person): Person {
    const circle = this.#circleFor(person)
    if (circle.followed.length === 0 || this.#random.chance(ANYBODY_SHARE))
      return this.#random.pick(circle.members)
    return this.#random.pick(circle.followed)
  }

  #circleFor(person: Person): Circle {
    const where = this.#random.unit()
    if (where < BY_INTEREST_SHARE) return circleNamed(this.#byInterest, this.#random.pick(person.interests))
    if (where < BY_INTEREST_SHARE + BY_LANGUAGE_SHARE) return circleNamed(this.#byLanguage, person.language)
    return this.#everybody
  }

  #circlesOf({ interests, language }: Person): Circle[] {
    return [
      this.#everybody,
      circleNamed(this.#byLanguage, language),
      ...interests.map((interest) => circleNamed(this.#byInterest, interest)),
    ]
  }
}

interface Circle {
  members: Person[]
  /** Each follow's followee, so that a pick is in proportion to the followers. */
  followed: Person[]
}

function emptyCircle(): Circle {
  return { members: [], followed: [] }
}

function circleNamed(circles: Map<string, Circle>, name: string): Circle {
  const circle = circles.get(name) ?? emptyCircle()
  circles.set(name, circle)
  return circle
}
