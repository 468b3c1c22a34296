import { stemmer as arabic } from '@orama/stemmers/arabic'
import { stemmer as dutch } from '@orama/stemmers/dutch'
import { stemmer as english } from '@orama/stemmers/english'
import { stemmer as french } from '@orama/stemmers/french'
import { stemmer as german } from '@orama/stemmers/german'
import { stemmer as greek } from '@orama/stemmers/greek'
import { stemmer as hindi } from '@orama/stemmers/indian'
import { stemmer as indonesian } from '@orama/stemmers/indonesian'
import { stemmer as italian } from '@orama/stemmers/italian'
import { stemmer as portuguese } from '@orama/stemmers/portuguese'
import { stemmer as russian } from '@orama/stemmers/russian'
import { stemmer as spanish } from '@orama/stemmers/spanish'
import { stemmer as swedish } from '@orama/stemmers/swedish'
import { stemmer as turkish } from '@orama/stemmers/turkish'
import { ara, deu, ell, eng, fra, hin, ind, ita, nld, por, rus, spa, swe, tur } from 'stopword'
import { foldCase, foldWord } from './fold.ts'

interface Language {
  stem: (word: string) => string
  stopWords: ReadonlySet<string>
}

function language(stem: (word: string) => string, stopWords: readonly string[]): Language {
  return { stem, stopWords: new Set(stopWords.flatMap((word) => foldWord(word).split(/[^\p{L}\p{M}]+/u))) }
}

const ENGLISH = language(english, eng)

/** Of each script the languages that are told apart; the first is taken where nothing speaks for another. */
const LANGUAGES: { script: RegExp; languages: readonly Language[] }[] = [
  {
    script: /\p{Script=Latin}/u,
    languages: [
      ENGLISH,
      ...[language(spanish, spa), language(portuguese, por), language(french, fra), language(german, deu)],
      ...[language(italian, ita), language(dutch, nld), language(swedish, swe), language(turkish, tur)],
      language(indonesian, ind),
    ],
  },
  { script: /\p{Script=Cyrillic}/u, languages: [language(russian, rus)] },
  { script: /\p{Script=Arabic}/u, languages: [language(arabic, ara)] },
  { script: /\p{Script=Devanagari}/u, languages: [language(hindi, hin)] },
  { script: /\p{Script=Greek}/u, languages: [language(greek, ell)] },
]

/** A shorter stem is one of too many words. */
const MIN_STEM_LENGTH = 3

function languagesOf(word: string): readonly Language[] {
  return LANGUAGES.find(({ script }) => script.test(word))?.languages ?? []
}

function stemIn({ stem }: Language, word: string): string | null {
  const stemmed = foldWord(stem(foldCase(word)))
  return stemmed.length >= MIN_STEM_LENGTH && /^[\p{L}\p{M}\p{N}_]+$/u.test(stemmed) ? stemmed : null
}

/**
 * Stems the words of one text: in the language of each word's script of which the text has most stop words. Answers the
 * folded stem, or null where it is too short or the script has no stemmer.
 */
export function stemmerOf(words: readonly string[]): (word: string) => string | null {
  const folded = words.map(foldWord)
  const chosen = new Map<readonly Language[], Language | undefined>()
  return (word) => {
    const candidates = languagesOf(word)
    if (!chosen.has(candidates)) chosen.set(candidates, likeliest(candidates, folded)?.language)
    const spoken = chosen.get(candidates)
    return spoken === undefined ? null : stemIn(spoken, word)
  }
}

function likeliest(candidates: readonly Language[], foldedWords: readonly string[]) {
  let best: { language: Language; evidence: number } | undefined
  for (const candidate of candidates) {
    const evidence = foldedWords.filter((word) => candidate.stopWords.has(word)).length
    if (best === undefined || evidence > best.evidence) best = { language: candidate, evidence }
  }
  return best
}

/** The folded stems that a word may have in a text of any language: a query says too little to tell its own. */
export function possibleStems(word: string): string[] {
  const stems = languagesOf(word).flatMap((candidate) => stemIn(candidate, word) ?? [])
  return [...new Set(stems)]
}

/** Of a language that is not English, one stop word may be a word of another: "die", "de". */
const FOREIGN_EVIDENCE = 2

/** Which of the words of a query say nothing in its language. All, where it is made of nothing else. */
export function stopWordsAmong(words: readonly string[]): ReadonlySet<string> {
  const folded = words.map(foldWord)
  const stopped = new Set<string>()
  for (const { languages } of LANGUAGES) {
    const best = likeliest(languages, folded)
    if (best === undefined) continue
    const isOnlyOne = languages.length === 1 || best.language === ENGLISH
    if (best.evidence < (isOnlyOne ? 1 : FOREIGN_EVIDENCE)) continue
    for (const word of folded) if (best.language.stopWords.has(word)) stopped.add(word)
  }
  return stopped
}
