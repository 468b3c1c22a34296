import type { z } from '@hono/zod-openapi'
import { problem } from '../../contracts/http/common.ts'
import { PROBLEMS, type ProblemCode } from '../../domain/errors.ts'

/** An answer of a route with a JSON body, for the OpenAPI document. */
export function json<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { 'application/json': { schema } } }
}

/** The problems that a route answers besides what any request may meet, for the OpenAPI document. */
export function problems(...codes: ProblemCode[]) {
  const byStatus = Map.groupBy(codes, (code) => PROBLEMS[code][0])
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      {
        description: group.map((code) => `\`${code}\`: ${PROBLEMS[code][1]}`).join('. '),
        content: { 'application/problem+json': { schema: problem } },
      },
    ]),
  )
}

/** `security` of a route that takes an access token. */
export const withAccessToken = [{ accessToken: [] }]
