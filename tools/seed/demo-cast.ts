import { join } from 'node:path'
import { languageNamed } from './library.ts'
import type { Profile } from './people.ts'
import { linesOf, readSections } from './sections.ts'

export interface CastMember extends Profile {
  /** Whether the demo account follows them. */
  isFollowed: boolean
}

/** The people of the demo community in the order of joining: the first have the most followers. */
export function readCast(): CastMember[] {
  const lines = linesOf(readSections(join(import.meta.dirname, 'demo-cast.txt')), 'cast')
  return lines.map((line) => {
    const cells = line.split('|').map((cell) => cell.trim())
    const [username, displayName, location, hours, language, interests, flags, bio, ...rest] = cells
    if (username === undefined || bio === undefined || rest.length > 0) {
      throw new Error(`The demo's cast needs eight columns: ${line}`)
    }
    const is = (flag: string) => words(flags).includes(flag)
    return {
      username,
      email: `${username}@demo.example`,
      displayName: displayName ?? '',
      bio,
      location: location ?? '',
      utcOffsetHours: Number(hours),
      language: languageNamed(language),
      interests: words(interests),
      verified: is('verified'),
      isPrivate: is('private'),
      isFollowed: is('followed'),
    }
  })
}

function words(cell = ''): string[] {
  return cell.split(' ')
}
