import type { PushService } from '../domain/push-services.ts'
import type { VapidKeys } from './vapid-keys.ts'

/** A signing key and the id by which tokens name it. */
export interface SigningKey {
  kid: string
  secret: Uint8Array
}

/** By what we are known to push services, and which of them are called. */
export interface PushSettings {
  keys: VapidKeys
  /** Whom a push service turns to: `mailto:` or `https:`. */
  subject: string
  services: readonly PushService[]
}

/** The Worker's configuration, parsed once from its environment (`src/worker/env.ts`). */
export interface Settings {
  allowedOrigins: '*' | string[]
  freshenDeadlineMs: number
  freshenTtlMs: number
  /** The share of requests that are logged; those that fail or are slow always are. */
  loggedRequests: number
  databaseEpoch: number
  rateLimits: boolean
  /** Authors with this many followers or more are pulled when a home timeline is read. */
  fanOutPushLimit: number
  /** The share of accounts, from 0 to 1, whose tweets are read for topics that trend. */
  trendSample: number
  tweetsPer3Hours: number
  followsPerDay: number
  likesPerDay: number
  messagesPerDay: number
  /** Newest first: the first signs, all verify. */
  accessKeys: SigningKey[]
  refreshKeys: SigningKey[]
  /** Null where Web Push is not set up: nobody can subscribe, and nothing is sent. */
  push: PushSettings | null
}
