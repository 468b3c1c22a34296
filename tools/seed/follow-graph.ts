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
  const graph = new Graph(people.length)
  const intentions = [
    ...given.map((pair) => givenIntention(pair, calendar, random)),
    ...ownIntentions(people, averageFollowing, calendar, random),
  ].sort((a, b) => a.atMs - b.atMs)
  let arrived = 0
  for (const { person, followee, atMs } of intentions) {
    for (; arrived < people.length && at(people, arrived).joinedMs <= atMs; arrived++) {
      circles.welcome(at(people, arrived))
    }
    const chosen = followee ?? chooseNew(() => circles.suggest(person), person, graph)
    if (graph.follow(person, chosen, atMs)) circles.noteFollow(chosen)
  }
  return graph
}

class Graph implements FollowGraph {
  readonly follows: Follow[] = []
  readonly #pairs = new Set<number>()
  readonly #size: number

  constructor(size: number) {
    this.#size = size
  }

  isFollowing(follower: Person, followee: Person): boolean {
    return this.#pairs.has(follower.number * this.#size + followee.number)
  }

  /** False for oneself, and for someone who is followed already. */
  follow(follower: Person, followee: Person, atMs: number): boolean {
    if (follower === followee || this.isFollowing(follower, followee)) return false
    this.#pairs.add(follower.number * this.#size + followee.number)
    this.follows.push({ follower, followee, atMs })
    follower.following.push(followee)
    followee.followers.push(follower)
    return true
  }
}

/** The first suggestion of a few that is news to the person, or else the last one. */
function chooseNew(suggest: () => Person, person: Person, graph: Graph): Person {
  const isOldNews = (someone: Person) => someone === person || graph.isFollowing(person, someone)
  let followee = suggest()
  for (let tries = 1; tries < MAX_TRIES && isOldNews(followee); tries++) followee = suggest()
  return followee
}

interface Intention {
  person: Person
  atMs: number
  /** Whom: chosen at the time if it is not given. */
  followee?: Person
}

function givenIntention(
  [person, followee]: readonly [Person, Person],
  calendar: Calendar,
  random: Random,
): Intention {
  const bothHereMs = Math.max(person.joinedMs, followee.joinedMs)
  return { person, followee, atMs: momentAfter(bothHereMs, calendar, random) }
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
    const anybody = circle.followed.length === 0 || this.#random.chance(ANYBODY_SHARE)
    return this.#random.pick(anybody ? circle.members : circle.followed)
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
