import { join } from 'node:path'
import { weightedPicker, zipfWeight } from './distributions.ts'
import { expand } from './grammar.ts'
import type { Random } from './random.ts'
import { linesOf, readSectionFiles, type Sections } from './sections.ts'

const LANGUAGES = ['en', 'es', 'ja', 'ar', 'de', 'hi'] as const
export type Language = (typeof LANGUAGES)[number]

/** Throws unless there are texts in that language. */
export function languageNamed(name: string | undefined): Language {
  const language = LANGUAGES.find((candidate) => candidate === name)
  if (language === undefined) throw new Error(`There are no texts in the language ${name}`)
  return language
}

/** The topic that everybody has something to say about. */
export const EVERYDAY = 'everyday'

/** A comment on a tweet and what the tweet's author may answer to it. */
export interface Exchange {
  comment: string
  answer: string
}

/** What can be said about one topic in one language. */
export interface Repertoire {
  language: Language
  topic: string
  /** Whole tweets. */
  lines: readonly string[]
  exchanges: readonly Exchange[]
  bios: readonly string[]
  /** Whole tweets with a URL: few, or none. */
  shared: readonly string[]
  /** A tweet made of parts. */
  sentence: (random: Random) => string
  /** A hashtag without its sign; the first ones are the most popular. */
  tag: (random: Random) => string
}

/** What belongs to a language rather than to a topic. */
interface Phrases {
  /** For tweets that ask everybody something. */
  onQuestions: readonly Exchange[]
  thanks: readonly string[]
  /** Templates that hold `{text}` and `{name}`. */
  mentions: readonly string[]
}

export interface Library {
  /** The topics of a language but for `everyday`. */
  interestsOf(language: Language): readonly string[]
  /** The topic in that language, or else in English. */
  repertoire(language: Language, topic: string): Repertoire
  phrases(language: Language): Phrases
}

/** Reads the texts under `texts/<language>/<topic>.txt`. */
export function loadLibrary(): Library {
  const shelves = new Map(LANGUAGES.map((language) => [language, loadShelf(language)]))
  const shelf = (language: Language) => known(shelves.get(language), language)
  const english = shelf('en')
  return {
    interestsOf: (language) => [...shelf(language).repertoires.keys()].filter((topic) => topic !== EVERYDAY),
    repertoire: (language, topic) =>
      shelf(language).repertoires.get(topic) ?? known(english.repertoires.get(topic), topic),
    phrases: (language) => shelf(language).phrases,
  }
}

interface Shelf {
  repertoires: Map<string, Repertoire>
  phrases: Phrases
}

function loadShelf(language: Language): Shelf {
  const files = readSectionFiles(join(import.meta.dirname, 'texts', language))
  const everyday = known(files.get(EVERYDAY), EVERYDAY)
  const repertoires = Array.from(files, ([topic, sections]) => toRepertoire(language, topic, sections))
  return {
    repertoires: new Map(repertoires.map((repertoire) => [repertoire.topic, repertoire])),
    phrases: {
      onQuestions: linesOf(everyday, 'to_questions').map(toExchange),
      thanks: linesOf(everyday, 'thanks'),
      mentions: linesOf(everyday, 'mention'),
    },
  }
}

function toRepertoire(language: Language, topic: string, sections: Sections): Repertoire {
  return {
    language,
    topic,
    lines: linesOf(sections, 'lines'),
    exchanges: linesOf(sections, 'replies').map(toExchange),
    bios: linesOf(sections, 'bio'),
    shared: sections.get('shared') ?? [],
    sentence: (random) => expand(sections, '{root}', random),
    tag: weightedPicker(linesOf(sections, 'tags'), zipfWeight(1, 0)),
  }
}

function toExchange(line: string): Exchange {
  const [comment, answer, ...rest] = line.split(' => ')
  if (comment === undefined || answer === undefined || rest.length > 0) {
    throw new Error(`A comment and its answer are parted by one " => ": ${line}`)
  }
  return { comment, answer }
}

function known<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`The library has nothing about ${name}`)
  return value
}
