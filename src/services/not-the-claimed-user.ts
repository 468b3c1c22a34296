import { AppError } from '../domain/errors.ts'

/** The body of a request names another user than its path. */
export function notTheClaimedUser(): AppError {
  return new AppError('validation_failed', {
    errors: [{ path: 'json.following_id', message: 'must be the id of the user in the path' }],
  })
}
