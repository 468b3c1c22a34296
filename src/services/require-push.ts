import { AppError } from '../domain/errors.ts'
import type { Deps } from './deps.ts'
import type { PushSettings } from './settings.ts'

const RETRY_SECONDS = 3_600

/** What Web Push needs. Throws `unavailable` where it is not set up. */
export function requirePush({ settings }: Pick<Deps, 'settings'>): PushSettings {
  if (settings.push !== null) return settings.push
  throw new AppError('unavailable', {
    detail: 'Web Push is not set up on this server',
    retryAfterSeconds: RETRY_SECONDS,
  })
}
