import { sql } from 'drizzle-orm'
import { inject } from 'vitest'
import { z } from 'zod'
import type { Viewer } from '../../src/services/deps.ts'
import { rows } from './harness.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the push service's control: `test/node/harness/push-service-control.ts`. */
    pushControlUrl: string
  }
}

const subscription = z.object({
  endpoint: z.string(),
  expirationTime: z.null(),
  keys: z.object({ p256dh: z.string(), auth: z.string() }),
})
export type BrowserSubscription = z.infer<typeof subscription>

const state = z.object({
  received: z.array(
    z.object({ payload: z.unknown(), urgency: z.string(), topic: z.string(), ttl: z.string() }),
  ),
  calls: z.number(),
})
export type BrowserState = z.infer<typeof state>

/** A browser of the push service that runs beside the tests, which verifies and decrypts what it gets. */
export async function newBrowser(): Promise<BrowserSubscription> {
  return subscription.parse(await control('POST', '/'))
}

export async function stateOfBrowser({ endpoint }: BrowserSubscription): Promise<BrowserState> {
  return state.parse(await control('GET', new URL(endpoint).pathname))
}

/** From now on it does not take messages but answers so. */
export async function answerWith({ endpoint }: BrowserSubscription, answer: number | 'hang'): Promise<void> {
  await control('PUT', new URL(endpoint).pathname, { answer })
}

async function control(method: string, path: string, body?: object): Promise<unknown> {
  const init = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
  const response = await fetch(`${inject('pushControlUrl')}${path}`, init)
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return JSON.parse(text)
}

/** The row of the session that a person's token names: subscriptions live as long as it. */
export async function insertSessionOf({ id, sessionId }: Viewer): Promise<void> {
  await rows(sql`
    insert into sessions (id, user_id, token_hash, expires_at)
    values (${sessionId}::uuid, ${id}, '', now() + interval '7 days')`)
}
