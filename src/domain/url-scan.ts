/**
 * Finds where a URL ends inside running text. A URL here is `http` or `https`, a host that could be in the public
 * DNS (or an IPv4 address), then optionally port, path, query and fragment. It may stand in a text without spaces
 * (Japanese, Chinese, Thai), between brackets and before punctuation; what belongs to the sentence is left out.
 *
 * Every step is one pass over characters that no other URL's scan takes again, so a text costs linear time.
 */

const SCHEME = /[Hh][Tt][Tt][Pp][Ss]?:\/\//y

// A URL glued to a word, an address, a hashtag or a cashtag is part of that.
const GLUED = /[A-Za-z0-9@＠#＃$]/

const HOST =
  /[\p{L}\p{M}\p{N}\p{So}\u200c\u00b7\u30fb_-]+(?:\.[\p{L}\p{M}\p{N}\p{So}\u200c\u00b7\u30fb_-]+)*/uy

// Enough to see that a host is too long, or where one ends in a text without spaces.
const MAX_SCANNED_HOST = 320

// "https://bank.example@evil.example": a host followed by this is a user name in front of another host.
const USERINFO_REST = /(?::[\w.~%!$&'*+;=-]*)?@/y

const PORT = /:(\d{1,5})(?!\d)/y
const MAX_PORT = 65_535

// What a path, query or fragment is made of, brackets aside. Letters of scripts that are written without spaces
// (or, Hangul, with particles attached) end it: there a text goes on right after the URL, and browsers copy such
// paths percent-encoded anyway.
const PATH_PART =
  /(?:[\-\w.~:\/?#@!$\&'*+,;=%\|\u2013]|[[\p{L}\p{M}\p{N}]--[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Tibetan}\uff00-\uffef\u30fc\p{DI}]])+/vy

const OPENING_BRACKET: Record<string, string> = { ')': '(', ']': '[' }
const TRAILING_PUNCTUATION = new Set(".,;:!?'*|([\u2013")

/** The index after the URL that begins at `start`, or null when there is none. UTF-16 indices. */
export function findUrlEnd(text: string, start: number): number | null {
  if (start > 0 && GLUED.test(text.charAt(start - 1))) return null
  const scheme = matchAt(SCHEME, text, start)
  if (scheme === null) return null
  const hostStart = start + scheme.length
  const host = plausibleHost((matchAt(HOST, text, hostStart) ?? '').slice(0, MAX_SCANNED_HOST))
  if (host === null) return null
  const hostEnd = hostStart + host.length
  if (matchAt(USERINFO_REST, text, hostEnd) !== null) return null
  const portEnd = hostEnd + portLength(text, hostEnd)
  return /[/?#]/.test(text.charAt(portEnd)) ? findPathEnd(text, portEnd) : portEnd
}

function matchAt(sticky: RegExp, text: string, index: number): string | null {
  sticky.lastIndex = index
  return sticky.exec(text)?.[0] ?? null
}

function portLength(text: string, index: number): number {
  const port = matchAt(PORT, text, index)
  return port !== null && Number(port.slice(1)) <= MAX_PORT ? port.length : 0
}

/** The end of the path without what is the sentence's: "(see https://a.example/b_(c).)" has the path "/b_(c)". */
function findPathEnd(text: string, start: number): number {
  let end = bracketedEnd(text, start)
  while (end > start && TRAILING_PUNCTUATION.has(text.charAt(end - 1))) end--
  return end
}

/** Stops at the first closing bracket that was not opened: scanning on would make a row of such URLs quadratic. */
function bracketedEnd(text: string, start: number): number {
  const open: string[] = []
  for (let end = start; ; end++) {
    end += (matchAt(PATH_PART, text, end) ?? '').length
    const char = text.charAt(end)
    if (char === '(' || char === '[') open.push(char)
    else if (!(char in OPENING_BRACKET) || open.pop() !== OPENING_BRACKET[char]) return end
  }
}

const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/
const LABEL =
  /^[\p{L}\p{M}\p{N}\p{So}](?:[\p{L}\p{M}\p{N}\p{So}\u200c\u00b7\u30fb_-]*[\p{L}\p{M}\p{N}\p{So}])?$/u
const TOP_LEVEL = /^(?:[A-Za-z]{2,63}|[Xx][Nn]--[A-Za-z0-9\-]{1,59}|[[\p{L}\p{M}]--[A-Za-z]]{2,63})$/v

// Not a list of all top-level domains, which would need care for ever: only those after which a text in another
// script is taken to go on ("example.comです") although a dot follows later.
const FAMILIAR_TOP_LEVEL = /^(?:com|net|org|edu|gov|info|biz|dev|app|blog|shop|online|[a-z]{2})$/i

/** `run` without what follows the host in it, or null when no host begins there. */
function plausibleHost(run: string): string | null {
  const host = cutForeignText(run)
  if (IPV4.test(host)) return resolvable(host) ? host : null
  const labels = host.split('.')
  const topLevel = labels.at(-1)
  if (labels.length < 2 || topLevel === undefined || !TOP_LEVEL.test(topLevel)) return null
  if (!labels.every((label) => LABEL.test(label))) return null
  // Service names have underscores, registered domains do not.
  if (labels.at(-2)?.includes('_')) return null
  return resolvable(host) ? host : null
}

/** "example.comです.また" is "example.com" in a Japanese sentence; "www.exampleです.com" is a host. */
function cutForeignText(run: string): string {
  let offset = 0
  const labels = run.split('.')
  for (const [index, label] of labels.entries()) {
    const ascii = /^[A-Za-z]{2,63}(?=\P{ASCII})/u.exec(label)?.[0]
    const isLast = index === labels.length - 1
    if (index > 0 && ascii !== undefined && (isLast || FAMILIAR_TOP_LEVEL.test(ascii))) {
      return run.slice(0, offset + ascii.length)
    }
    offset += label.length + 1
  }
  return run.replace(/_+$/, '')
}

const MAX_HOST_LENGTH = 253
const MAX_LABEL_LENGTH = 63

/** Whether the host can be looked up: valid as an internationalised name, its ASCII form within the DNS's limits. */
function resolvable(host: string): boolean {
  if (!URL.canParse(`http://${host}`)) return false
  const ascii = new URL(`http://${host}`).hostname
  return (
    ascii.length <= MAX_HOST_LENGTH && ascii.split('.').every((label) => label.length <= MAX_LABEL_LENGTH)
  )
}
