import { analyze } from './search/analysis.ts'
import { extractEntities, foldTag, foldUsername } from './tweet-text.ts'

/** A query for tweets, as its text was meant: every part must hold. */
export interface SearchQuery {
  /** Words that must be there, as they were typed. */
  words: string[]
  /** Words in this order, one after the other. */
  phrases: string[]
  /** Words and phrases that must not be there; with `#` or `@` before them, hashtags and mentions. */
  excluded: string[]
  /** Folded, without `#`. */
  hashtags: string[]
  /** Handles that must be mentioned, folded, without `@`. */
  mentions: string[]
  /** Handles, folded: of any of these authors. */
  from: string[]
  /** Handles, folded: of none of these authors. */
  notFrom: string[]
  /** Handles, folded: in answer to any of these. */
  to: string[]
  /** Unix ms, inclusive; null without a limit. */
  sinceMs: number | null
  /** Unix ms, exclusive. */
  untilMs: number | null
  hasMedia: boolean | null
  isReply: boolean | null
}

/** `at` is where the mistake begins, in code points of the text. */
export type ParsedQuery = { ok: true; query: SearchQuery } | { ok: false; message: string; at: number }

type Mistake = Extract<ParsedQuery, { ok: false }>

/** The most parts of a query. */
const MAX_PARTS = 30

const QUOTES = '"\u201c\u201d\u201e\u201f\u00ab\u00bb'
/** An exclusion's sign, an operator's name and a phrase, or all up to the next white space or quote. */
const PART = new RegExp(
  `(?<minus>-?)(?:(?<operator>from|to|since|until|has|is):(?<value>[^\\s${QUOTES}]*)|[${QUOTES}](?<phrase>[^${QUOTES}]*)(?:[${QUOTES}]|$)|(?<word>[^\\s${QUOTES}]+))`,
  'giu',
)

/**
 * Reads what somebody typed into a search box: words, `"phrases"`, `#tags`, `@names`, `from:name`, `to:name`,
 * `since:2024-01-31`, `until:2024-02-01` (UTC, not included), `has:media`, `is:reply`; `-` before any of them but `to:` and
 * the dates excludes. An operator that is not understood is an error; whatever else is not one of these is a word.
 */
export function parseSearchQuery(text: string): ParsedQuery {
  const query = emptyQuery()
  const parts = [...text.toWellFormed().matchAll(PART)]
  for (const [index, part] of parts.entries()) {
    const at = [...text.slice(0, part.index)].length
    if (index === MAX_PARTS) return { ok: false, message: `A query has at most ${MAX_PARTS} parts.`, at }
    const message = takePart(query, part.groups ?? {})
    if (message !== null) return { ok: false, message, at }
  }
  return checked(query)
}

function emptyQuery(): SearchQuery {
  return {
    ...{ words: [], phrases: [], excluded: [], hashtags: [], mentions: [], from: [], notFrom: [], to: [] },
    ...{ sinceMs: null, untilMs: null, hasMedia: null, isReply: null },
  }
}

function checked(query: SearchQuery): ParsedQuery {
  const { sinceMs, untilMs } = query
  if (sinceMs !== null && untilMs !== null && sinceMs >= untilMs) return emptyRange()
  return isEmpty(query) ? nothing() : { ok: true, query }
}

const emptyRange = (): Mistake => ({ ok: false, message: '"until:" must be after "since:".', at: 0 })
const nothing = (): Mistake => ({ ok: false, message: 'There is nothing in it to search for.', at: 0 })

function isEmpty({ words, phrases, sinceMs, untilMs, hasMedia, isReply, ...lists }: SearchQuery): boolean {
  if (sinceMs !== null || untilMs !== null || hasMedia !== null || isReply !== null) return false
  if (Object.values(lists).some((entries) => entries.length > 0)) return false
  return [...words, ...phrases].every((text) => analyze(text).length === 0)
}

/** Adds a part to the query; answers what is wrong with it. */
function takePart(query: SearchQuery, part: Partial<Record<string, string>>): string | null {
  const { minus, operator, value = '', phrase, word = '' } = part
  const isExcluded = minus === '-'
  if (operator !== undefined) return takeOperator(query, operator.toLowerCase(), value, isExcluded)
  if (phrase !== undefined) {
    const text = phrase.trim().replace(/\s+/gu, ' ')
    if (text !== '') add(isExcluded ? query.excluded : query.phrases, text)
    return null
  }
  if (isExcluded) add(query.excluded, signed(word))
  else takeWord(query, word)
  return null
}

function takeWord(query: SearchQuery, word: string): void {
  const { hashtag, mention } = entityOf(word)
  if (hashtag !== null) add(query.hashtags, hashtag)
  else if (mention !== null) add(query.mentions, mention)
  else add(query.words, word)
}

/** The hashtag or mention that a word is, folded. */
export function entityOf(word: string): { hashtag: string | null; mention: string | null } {
  const { hashtags, mentions } = extractEntities(word)
  const length = [...word].length
  const isWhole = ({ indices: [start, end] }: { indices: [number, number] }) => start === 0 && end === length
  const hashtag = hashtags.find(isWhole)
  const mention = mentions.find(isWhole)
  return {
    hashtag: hashtag === undefined ? null : foldTag(hashtag.tag),
    mention: mention === undefined ? null : foldUsername(mention.username),
  }
}

/** An excluded word, a hashtag or a mention in its folded form. */
function signed(word: string): string {
  const { hashtag, mention } = entityOf(word)
  if (hashtag !== null) return `#${hashtag}`
  return mention === null ? word : `@${mention}`
}

function add(list: string[], entry: string): void {
  if (!list.includes(entry)) list.push(entry)
}

function takeOperator(
  query: SearchQuery,
  operator: string,
  value: string,
  isExcluded: boolean,
): string | null {
  const shown = `"${isExcluded ? '-' : ''}${operator}:${value}"`
  if (operator === 'from' || operator === 'to') {
    const handle = /^[@\uff20]?(\w{3,50})$/.exec(value)?.[1]
    if (handle === undefined) return `${shown}: a user name has 3 to 50 letters, digits and underscores.`
    if (operator === 'to' && isExcluded) return `${shown}: "to:" cannot be excluded.`
    const handles = operator === 'to' ? query.to : isExcluded ? query.notFrom : query.from
    add(handles, foldUsername(handle))
    return null
  }
  if (operator === 'has') return takeFlag(query, 'hasMedia', ['media', value], !isExcluded, shown)
  if (operator === 'is') return takeFlag(query, 'isReply', ['reply', value], !isExcluded, shown)
  return isExcluded ? `${shown}: a date cannot be excluded.` : takeDate(query, operator, value, shown)
}

function takeFlag(
  query: SearchQuery,
  flag: 'hasMedia' | 'isReply',
  [known, value]: [known: string, value: string],
  holds: boolean,
  shown: string,
): string | null {
  if (value.toLowerCase() !== known) return `${shown}: only "${known}" can be asked for there.`
  if (query[flag] === !holds) return `${shown} contradicts what was said before.`
  query[flag] = holds
  return null
}

/** Of two dates the narrower holds. */
function takeDate(query: SearchQuery, operator: string, value: string, shown: string): string | null {
  const ms = dateMs(value)
  if (ms === null) return `${shown}: a date is written like 2024-01-31.`
  if (operator === 'since') query.sinceMs = Math.max(query.sinceMs ?? ms, ms)
  else query.untilMs = Math.min(query.untilMs ?? ms, ms)
  return null
}

/** The beginning of a day of the calendar, UTC. */
function dateMs(value: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(value)) return null
  const date = new Date(`${value}T00:00:00Z`)
  // A day that the month does not have moves into the next month.
  return Number.isNaN(date.getTime()) || !date.toISOString().startsWith(value) ? null : date.getTime()
}

const day = (ms: number) => new Date(ms).toISOString().slice(0, 10)

/** A text that is read as this query again. */
export function printSearchQuery(query: SearchQuery): string {
  const { sinceMs, untilMs, hasMedia, isReply } = query
  return [
    ...query.words,
    ...query.phrases.map((text) => `"${text}"`),
    ...query.hashtags.map((tag) => `#${tag}`),
    ...query.mentions.map((name) => `@${name}`),
    ...query.excluded.map(printExcluded),
    ...query.from.map((name) => `from:${name}`),
    ...query.notFrom.map((name) => `-from:${name}`),
    ...query.to.map((name) => `to:${name}`),
    ...(sinceMs === null ? [] : [`since:${day(sinceMs)}`]),
    ...(untilMs === null ? [] : [`until:${day(untilMs)}`]),
    ...(hasMedia === null ? [] : [hasMedia ? 'has:media' : '-has:media']),
    ...(isReply === null ? [] : [isReply ? 'is:reply' : '-is:reply']),
  ].join(' ')
}

/** Hashtags and mentions stand for themselves; the rest is quoted, because it may be read otherwise. */
function printExcluded(entry: string): string {
  const { hashtag, mention } = entityOf(entry)
  return hashtag !== null || mention !== null ? `-${entry}` : `-"${entry}"`
}
