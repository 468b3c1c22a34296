import { z } from 'zod'
import { signedInUser } from '../../../src/contracts/http/auth.ts'
import { tweetPage } from '../../../src/contracts/http/tweets.ts'
import type { TweetId, UserId } from '../../../src/domain/ids.ts'
import type { Stack } from './stack.ts'

const PASSWORD = 'seven purple herons'

export interface Person {
  id: UserId
  username: string
  token: string
}

export interface Answer {
  status: number
  headers: Headers
  /** Parsed JSON; null when there is none. */
  body: unknown
}

/** Longer than any answer takes on a busy machine, shorter than anybody waits for a runtime that is gone. */
const ANSWERS_WITHIN_MS = 60_000

/** Asks the API of a running stack. `path` begins with `/`, e.g. `/tweets`; `key` is sent as `Idempotency-Key`. */
export async function api(
  stack: Stack,
  method: string,
  path: string,
  { token, body, key }: { token?: string; body?: object; key?: string } = {},
): Promise<Answer> {
  const response = await fetch(stack.url(`/api${path}`), {
    method,
    signal: AbortSignal.timeout(ANSWERS_WITHIN_MS),
    headers: {
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) }
}

/** As `api`, for what must succeed: throws with the answer when it does not. */
export async function done(...request: Parameters<typeof api>): Promise<unknown> {
  const { status, body } = await api(...request)
  if (status >= 300) throw new Error(`${request[1]} ${request[2]}: ${status} ${JSON.stringify(body)}`)
  return body
}

/** A new account whose name nobody else has, signed in. */
export async function register(stack: Stack): Promise<Person> {
  const username = `user_${crypto.randomUUID().slice(0, 8)}`
  const account = { username, email: `${username}@example.com`, display_name: username, password: PASSWORD }
  return personIn(await done(stack, 'POST', '/auth/register', { body: account }))
}

/** The same person in another session. */
export async function signIn(stack: Stack, { username }: Person): Promise<Person> {
  return personIn(await done(stack, 'POST', '/auth/login', { body: { username, password: PASSWORD } }))
}

function personIn(answer: unknown): Person {
  const { user, accessToken } = signedInUser.parse(answer)
  return { id: user.id as UserId, username: user.username, token: accessToken }
}

const withId = z.object({ id: z.number().transform((id) => id as TweetId) })

/** Posts a tweet and answers its id once the API has acknowledged it. */
export async function post(
  stack: Stack,
  { token }: Person,
  content = 'Hello from up here',
): Promise<TweetId> {
  return withId.parse(await done(stack, 'POST', '/tweets', { token, body: { content } })).id
}

/** What the first page of the reader's home timeline shows, newest first. */
export async function homeOf(stack: Stack, { token }: Person): Promise<number[]> {
  const page = tweetPage.parse(await done(stack, 'GET', '/timeline/home', { token }))
  return page.tweets.map(({ id }) => id)
}

/** All that the reader's home timeline shows, page by page to its end, newest first. */
export async function wholeHomeOf(stack: Stack, { token }: Person): Promise<number[]> {
  const shown: number[] = []
  let cursor: string | null = null
  do {
    const from: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const page = tweetPage.parse(await done(stack, 'GET', `/timeline/home?limit=100${from}`, { token }))
    shown.push(...page.tweets.map(({ id }) => id))
    cursor = page.pagination.next_cursor
  } while (cursor !== null)
  return shown
}
