import { encryptNotification } from '@block65/webcrypto-web-push'
import type { PushPayload } from '../contracts/push.ts'
import type { PushTarget } from '../db/statements/pushes.ts'
import { pushEndpoint } from '../domain/push-services.ts'
import type { Deps } from './deps.ts'
import type { PushSettings } from './settings.ts'
import { vapidAuthorization } from './vapid-token.ts'

/** How long a push service keeps what it cannot deliver. */
const TTL_SECONDS = 86_400
/** Told at once to whom it is addressed; a device that saves power may let the rest wait. */
const URGENT: ReadonlySet<PushPayload['type']> = new Set(['message', 'mention'])

/**
 * `gone`: the push service no longer knows the browser. `failed`: for now, worth another try. `refused`: another try
 * would be, too.
 */
export type PushOutcome = 'sent' | 'gone' | 'failed' | 'refused'

export interface PushResult {
  outcome: PushOutcome
  /** What the push service answered, if it did. */
  status?: number
  error?: unknown
}

/** What is sent: the payload, encrypted for one browser, and who sends it. */
interface PreparedPush {
  headers: Record<string, string>
  body: Uint8Array<ArrayBuffer>
}

/** Pushes to one browser, within a deadline. Never throws. */
export async function sendPush(
  deps: Pick<Deps, 'now'>,
  push: PushSettings,
  target: PushTarget,
  payload: PushPayload,
  deadlineMs: number,
): Promise<PushResult> {
  let prepared: PreparedPush
  try {
    // Also of those who subscribed when more services were known.
    if (pushEndpoint(target.endpoint, push.services) !== target.endpoint) return { outcome: 'refused' }
    prepared = await prepare(deps, push, target, payload)
  } catch (error) {
    return { outcome: 'refused', error }
  }
  try {
    const status = await post(target.endpoint, prepared, deadlineMs)
    return { outcome: outcomeOf(status), status }
  } catch (error) {
    return { outcome: 'failed', error }
  }
}

async function prepare(
  deps: Pick<Deps, 'now'>,
  push: PushSettings,
  { endpoint, p256dh, auth }: PushTarget,
  payload: PushPayload,
): Promise<PreparedPush> {
  const subscription = { endpoint, expirationTime: null, keys: { p256dh, auth } }
  const plaintext = new TextEncoder().encode(JSON.stringify(payload))
  const [body, authorization] = await Promise.all([
    encryptNotification(subscription, plaintext),
    vapidAuthorization(deps, push, new URL(endpoint).origin),
  ])
  return {
    headers: {
      authorization,
      'content-encoding': 'aes128gcm',
      'content-type': 'application/octet-stream',
      ttl: String(TTL_SECONDS),
      urgency: URGENT.has(payload.type) ? 'high' : 'normal',
      topic: topicOf(payload),
    },
    body,
  }
}

/** What has the same topic replaces what waits, so that a repeat is not shown twice: RFC 8030, section 5.4. */
function topicOf({ type, id }: PushPayload): string {
  return type === 'message' ? `message-${id}` : `notification-${id}`
}

/** As in `db/client.ts`, the timer ends with the answer. */
async function post(endpoint: string, { headers, body }: PreparedPush, deadlineMs: number): Promise<number> {
  const late = new AbortController()
  const giveUp = () => late.abort(new DOMException('The push service took too long', 'TimeoutError'))
  const timer = setTimeout(giveUp, deadlineMs)
  try {
    // A push service that leads elsewhere could lead anywhere.
    const init: RequestInit = { method: 'POST', headers, body, redirect: 'manual', signal: late.signal }
    const response = await fetch(endpoint, init)
    // Unread, it would keep its connection, of which an invocation has six.
    await response.body?.cancel()
    return response.status
  } finally {
    clearTimeout(timer)
  }
}

function outcomeOf(status: number): PushOutcome {
  if (status >= 200 && status < 300) return 'sent'
  if (status === 404 || status === 410) return 'gone'
  return status === 429 || status >= 500 ? 'failed' : 'refused'
}
