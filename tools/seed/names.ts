import { type Language, languageNamed } from './library.ts'
import { linesOf, readSectionFiles, type Sections } from './sections.ts'

/** A name in the letters of usernames, and as its bearer writes it. */
export interface Name {
  ascii: string
  written: string
}

interface Place {
  name: string
  utcOffsetHours: number
}

/** Names that go together, and where people of these names live. */
export interface Nation {
  language: Language
  given: readonly Name[]
  family: readonly Name[]
  familyFirst: boolean
  places: readonly Place[]
}

/** Reads the name files of a folder. */
export function readNations(folder: string): Nation[] {
  return Array.from(readSectionFiles(folder).values(), (sections) => ({
    language: languageNamed(linesOf(sections, 'language')[0]),
    given: listOf(sections, 'given').map(toName),
    family: listOf(sections, 'family').map(toName),
    familyFirst: sections.has('family_first'),
    places: listOf(sections, 'places').map(toPlace),
  }))
}

function listOf(sections: Sections, heading: string): string[] {
  return linesOf(sections, heading).flatMap((line) => line.split(/,\s*/))
}

function toName(text: string): Name {
  const [ascii = '', written = ascii] = text.split('=')
  if (!/^[A-Za-z]+$/.test(ascii)) throw new Error(`A name needs a form of plain letters: ${text}`)
  return { ascii, written }
}

function toPlace(text: string): Place {
  const parts = /^(.+) (-?\d+(?:\.\d+)?)$/.exec(text)
  if (parts === null) throw new Error(`A place needs its hours from UTC: ${text}`)
  return { name: parts[1] ?? '', utcOffsetHours: Number(parts[2]) }
}
