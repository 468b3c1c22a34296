import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The lines under each `[heading]` of a text file, in their order. */
export type Sections = ReadonlyMap<string, readonly string[]>

/** Reads a text file of sections. Throws, with the file's name, for a line in front of the first heading. */
export function readSections(path: string): Sections {
  const sections = new Map<string, string[]>()
  let current: string[] | undefined
  for (const line of readFileSync(path, 'utf8')
    .split('\n')
    .map((text) => text.trim())) {
    const heading = /^\[(\w+)\]$/.exec(line)?.[1]
    if (heading !== undefined) {
      current = sections.get(heading) ?? []
      sections.set(heading, current)
    } else if (line !== '') {
      if (current === undefined) throw new Error(`${path} has a line without a heading: ${line}`)
      current.push(line)
    }
  }
  return sections
}

/** The section files of a folder by their names without `.txt`, in alphabetical order on every machine. */
export function readSectionFiles(folder: string): Map<string, Sections> {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .sort()
  return new Map(names.map((name) => [name.slice(0, -'.txt'.length), readSections(join(folder, name))]))
}

/** The lines of a section that must be there. */
export function linesOf(sections: Sections, heading: string): readonly string[] {
  const lines = sections.get(heading)
  if (lines === undefined || lines.length === 0) throw new Error(`There is no section [${heading}]`)
  return lines
}
