import type { Context, TypedResponse } from 'hono'
import { type Utf8Text, utf8Bytes } from '../contracts/utf8-text.ts'

/** Answers JSON that is serialized already; the type says what it would be parsed to, as the route's schema has it. */
export function serializedJson<Body>(
  c: Context,
  json: Utf8Text,
): Response & TypedResponse<Body, 200, 'json'> {
  const response: Response = c.newResponse(utf8Bytes(json), 200, { 'content-type': 'application/json' })
  return response as Response & TypedResponse<Body, 200, 'json'>
}
