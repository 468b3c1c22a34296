import type { Random } from './random.ts'
import { linesOf, type Sections } from './sections.ts'

/**
 * Replaces each `{symbol}` by a random line of the section of that name, which may hold symbols in turn. A text that
 * begins with a symbol is a sentence, so it gets a capital. Throws for a symbol without a section.
 */
export function expand(sections: Sections, text: string, random: Random): string {
  const expanded = text.replace(/\{(\w+)\}/g, (_braces, symbol: string) =>
    expand(sections, random.pick(linesOf(sections, symbol)), random),
  )
  return text.startsWith('{') ? capitalize(expanded) : expanded
}

/** Fills the `{places}` of a template. */
export function fill(template: string, values: Record<string, string>): string {
  return template.replace(/\{(\w+)\}/g, (braces, place: string) => values[place] ?? braces)
}

function capitalize(text: string): string {
  const [first = ''] = text
  return first.toUpperCase() + text.slice(first.length)
}
