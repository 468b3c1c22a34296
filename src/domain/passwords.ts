import { COMMON_PASSWORDS } from './common-passwords.ts'
import { codePointLength } from './tweet-text.ts'
import { normalizeUnicode } from './unicode.ts'

const MIN_PASSWORD_LENGTH = 8
const MAX_PASSWORD_LENGTH = 256

interface Account {
  username: string
  email: string
}

type PasswordCheck =
  | { ok: true }
  | { ok: false; reason: 'too_short' | 'too_long' | 'too_common' | 'same_as_account' }

/**
 * Judges a new password: 8 to 256 code points, not one of the most common (a single character repeated is one), not
 * the account's own username, e-mail address or the part before its "@". Compares without regard to case and width.
 * Asks for no mixture of character classes, which makes passwords worse (NIST SP 800-63B, section 3.1.1.2).
 */
export function checkPassword(password: string, { username, email }: Account): PasswordCheck {
  const length = codePointLength(password)
  if (length < MIN_PASSWORD_LENGTH) return { ok: false, reason: 'too_short' }
  if (length > MAX_PASSWORD_LENGTH) return { ok: false, reason: 'too_long' }
  const folded = fold(password)
  const ownNames = [username, email, email.replace(/@[^@]*$/, '')].map(fold)
  if (ownNames.includes(folded)) return { ok: false, reason: 'same_as_account' }
  if (COMMON_PASSWORDS.has(folded) || isOneCharacterRepeated(folded))
    return { ok: false, reason: 'too_common' }
  return { ok: true }
}

function fold(text: string): string {
  return normalizeUnicode(text, 'NFKC').toLowerCase()
}

function isOneCharacterRepeated(text: string): boolean {
  return new Set(text).size === 1
}
