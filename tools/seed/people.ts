import { join } from 'node:path'
import type { UserId } from '../../src/domain/ids.ts'
import { weightedPicker } from './distributions.ts'
import { EVERYDAY, type Language, type Library } from './library.ts'
import { type Name, type Nation, readNations } from './names.ts'
import { at, type Random } from './random.ts'

/** What somebody is before the community begins. */
export interface Profile {
  username: string
  email: string
  displayName: string
  bio: string
  location: string
  utcOffsetHours: number
  language: Language
  /** The first is the one they talk about most. */
  interests: readonly string[]
  verified: boolean
  isPrivate: boolean
}

export interface Person extends Profile {
  id: UserId
  /** The place in the order of joining, from 0. */
  number: number
  joinedMs: number
  followers: Person[]
  following: Person[]
  tweetCount: number
}

const LANGUAGE_SHARES: readonly { language: Language; share: number }[] = [
  { language: 'en', share: 46 },
  { language: 'es', share: 14 },
  { language: 'ja', share: 13 },
  { language: 'ar', share: 9 },
  { language: 'de', share: 9 },
  { language: 'hi', share: 9 },
]

const PRIVATE_SHARE = 0.03
const ROMANIZED_SHARE = 0.25
const LONE_BIO_SHARE = 0.6
const MAX_INTERESTS = 3

/** Invents `count` people with different usernames, all of which end in `_<suffix>`. */
export function inventProfiles(
  count: number,
  { suffix, library, random }: { suffix: string; library: Library; random: Random },
): Profile[] {
  const nations = readNations(join(import.meta.dirname, 'names'))
  const pickLanguage = weightedPicker(LANGUAGE_SHARES, ({ share }) => share)
  const taken = new Set<string>()
  return Array.from({ length: count }, (_, index) => {
    const { language } = pickLanguage(random)
    const nation = random.pick(nations.filter((candidate) => candidate.language === language))
    const interests = pickInterests(library.interestsOf(language), random)
    const given = random.pick(nation.given)
    const family = random.pick(nation.family)
    const place = random.pick(nation.places)
    const handle = firstFree(handleOf(given, family, at(interests, 0), random), taken)
    return {
      username: `${handle}_${suffix}`,
      email: emailOf(index, suffix),
      displayName: displayNameOf(nation, given, family, random),
      bio: bioOf(language, interests, library, random),
      location: place.name,
      utcOffsetHours: place.utcOffsetHours,
      language,
      interests,
      verified: false,
      isPrivate: random.chance(PRIVATE_SHARE),
    }
  })
}

/** The address of a community's person by number; ".example" is nobody's (RFC 2606). */
export function emailOf(index: number, suffix: string): string {
  return `person-${index + 1}@${suffix}.example`
}

function pickInterests(available: readonly string[], random: Random): string[] {
  const wanted = 1 + random.below(MAX_INTERESTS)
  return [...new Set(Array.from({ length: wanted }, () => random.pick(available)))]
}

function handleOf(given: Name, family: Name, interest: string, random: Random): string {
  const first = given.ascii.toLowerCase()
  const last = family.ascii.toLowerCase()
  const styles = [
    `${first}_${last}`,
    `${first}${last}`,
    `${last}_${first}`,
    `${first}_${interest}`,
    `${first.slice(0, 1)}${last}`,
  ]
  return random.pick(styles)
}

function firstFree(name: string, taken: Set<string>): string {
  let free = name
  for (let number = 2; taken.has(free); number++) free = `${name}${number}`
  taken.add(free)
  return free
}

function displayNameOf(nation: Nation, given: Name, family: Name, random: Random): string {
  if (random.chance(ROMANIZED_SHARE)) return `${given.ascii} ${family.ascii}`
  return nation.familyFirst ? `${family.written} ${given.written}` : `${given.written} ${family.written}`
}

function bioOf(language: Language, interests: readonly string[], library: Library, random: Random): string {
  const bio = random.pick(library.repertoire(language, at(interests, 0)).bios)
  if (random.chance(LONE_BIO_SHARE)) return bio
  const more = random.pick(library.repertoire(language, random.pick([EVERYDAY, ...interests])).bios)
  return more === bio ? bio : `${bio} ${more}`
}
