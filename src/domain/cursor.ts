const CURSOR_VERSION = 1

// Longer than any cursor of ours, shorter than what would cost time to read.
const MAX_CURSOR_LENGTH = 1024

type CursorPart = number | string

/**
 * An opaque place in a list: the sort key of the last row of a page, tied to the `kind` of list it belongs to.
 * Base64url, so it needs no escaping in a query string. It is not a secret and carries no right: a client that makes
 * one up reads from another place of the same list. Throws a RangeError for parts that `decodeCursor` would refuse.
 */
export function encodeCursor(kind: string, parts: CursorPart[]): string {
  if (!parts.every(isPart))
    throw new RangeError('A cursor holds safe integers and texts that Postgres can store')
  const json = JSON.stringify([CURSOR_VERSION, kind, ...parts])
  const bytes = String.fromCharCode(...new TextEncoder().encode(json))
  const text = btoa(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
  if (text.length > MAX_CURSOR_LENGTH)
    throw new RangeError(`A cursor of ${text.length} characters is too long`)
  return text
}

/** The parts `encodeCursor` was given for this kind, or null for anything else. Never throws. */
export function decodeCursor(kind: string, text: string): CursorPart[] | null {
  if (text.length > MAX_CURSOR_LENGTH || !/^[\w-]+$/.test(text)) return null
  const value = parseBase64UrlJson(text)
  if (!Array.isArray(value)) return null
  const [version, cursorKind, ...parts] = value
  if (version !== CURSOR_VERSION || cursorKind !== kind) return null
  return parts.every(isPart) ? parts : null
}

function parseBase64UrlJson(text: string): unknown {
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) =>
      char.charCodeAt(0),
    )
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    return undefined
  }
}

/** Parts go into SQL parameters: NUL and unpaired surrogates, which Postgres refuses, must not get there. */
function isPart(part: unknown): part is CursorPart {
  if (typeof part === 'number') return Number.isSafeInteger(part)
  return typeof part === 'string' && part.isWellFormed() && !part.includes('\0')
}
