import { AppError } from '../domain/errors.ts'
import { checkPassword } from '../domain/passwords.ts'

const MESSAGES = {
  too_short: 'must have at least 8 characters',
  too_long: 'must have at most 256 characters',
  too_common: 'is among the most common passwords',
  same_as_account: 'must not be the username or the e-mail address',
} as const

/** Throws `validation_failed`, naming the field of the body, for a password that is too easily guessed. */
export function requireStrongPassword(
  field: string,
  password: string,
  owner: { username: string; email: string },
): void {
  const verdict = checkPassword(password, owner)
  if (verdict.ok) return
  throw new AppError('validation_failed', {
    errors: [{ path: `json.${field}`, message: MESSAGES[verdict.reason] }],
  })
}
