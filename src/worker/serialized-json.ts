import type { Context, TypedResponse } from 'hono'

/** Answers JSON that is serialized already; the type says what it would be parsed to, as the route's schema has it. */
export function serializedJson<Body>(
  c: Context,
  bytes: Uint8Array<ArrayBuffer>,
): Response & TypedResponse<Body, 200, 'json'> {
  const response: Response = c.newResponse(bytes, 200, { 'content-type': 'application/json' })
  return response as Response & TypedResponse<Body, 200, 'json'>
}
