import { codePointLength } from './tweet-text.ts'
import { normalizeUnicode } from './unicode.ts'

const MAX_WEBSITE_LENGTH = 255
const MAX_EMAIL_LENGTH = 255
const MAX_EMAIL_LOCAL_PART_LENGTH = 64
const EARLIEST_BIRTH_DATE = '1900-01-01'

// Words that stand where a user name can in a path or a mention, and names that would pass for the operator's.
const RESERVED_USERNAMES = new Set(
  `about account admin administrator all anonymous api auth everyone explore hashtag hashtags help here home
  login logout lists me mentions messages moderator moderators notifications null official privacy register root search
  security settings signup staff stream suggestions support system terms timeline trending tweet tweets undefined user
  users warbler`.split(/\s+/),
)

/**
 * Whether an account may have this name: 3 to 50 ASCII letters, digits and underscores, not digits only (that would
 * be taken for an id) and not a reserved word. Says nothing about whether it is free.
 */
export function isUsername(text: string): boolean {
  return /^\w{3,50}$/.test(text) && !/^\d+$/.test(text) && !RESERVED_USERNAMES.has(text.toLowerCase())
}

/** Whether a profile may link there: an absolute http or https URL of at most 255 characters, without credentials. */
export function isWebsite(text: string): boolean {
  if (codePointLength(text) > MAX_WEBSITE_LENGTH) return false
  // The URL parser forgives a missing "//" and drops line breaks; other readers of a profile may not.
  if (!/^https?:\/\/[^/?#]/i.test(text) || /[\s\p{C}<>"\\]/u.test(text) || !URL.canParse(text)) return false
  const { username, password } = new URL(text)
  return username === '' && password === ''
}

/** Whether the text is a day of the calendar as YYYY-MM-DD, from 1900 up to `today` (also YYYY-MM-DD). */
export function isBirthDate(text: string, today: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false
  if (text < EARLIEST_BIRTH_DATE || text > today) return false
  // A day the month does not have moves into the next month, so it does not come back as written.
  const date = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
}

const EMAIL_LOCAL_PART = /^[^\s\p{C}@()<>[\]:;,\\".]+(?:\.[^\s\p{C}@()<>[\]:;,\\".]+)*$/u
const EMAIL_DOMAIN =
  /^(?:[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}])?\.)+[\p{L}][\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}]$/u

/**
 * Whether mail could be delivered there, as far as the form tells: one "@", a local part of at most 64 characters
 * (RFC 5321, section 4.5.3.1.1; not the quoted form, which hardly any provider takes), a domain with a dot,
 * internationalised or not, 255 characters in all.
 */
export function isPlausibleEmail(text: string): boolean {
  if (codePointLength(text) > MAX_EMAIL_LENGTH) return false
  const [local, domain, ...rest] = text.split('@')
  if (local === undefined || domain === undefined || rest.length > 0) return false
  if (codePointLength(local) > MAX_EMAIL_LOCAL_PART_LENGTH || !EMAIL_LOCAL_PART.test(local)) return false
  return EMAIL_DOMAIN.test(domain)
}

/**
 * A profile's line of text (display name, bio, location) as we store it: NFC, one line (line breaks and tabs become a
 * space), no other control characters, trimmed, and without the bidirectional embeddings, overrides and isolates that
 * would rearrange the page around it. The marks that Arabic and Hebrew need stay. Idempotent. May come out empty, or
 * blank (see `isBlank`).
 */
export function cleanText(raw: string): string {
  const visible = raw
    .replace(/\r\n|[\t\n\r\u2028\u2029]/g, ' ')
    .replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '')
  return normalizeUnicode(visible, 'NFC').trim()
}
