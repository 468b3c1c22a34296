import { z } from '@hono/zod-openapi'

/** The header of requests that create something: whoever repeats one is given what the first created. */
export const idempotencyHeader = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,100}$/, 'must be 1 to 100 visible ASCII characters')
    .optional()
    .openapi({ description: 'The same key and body within 24 hours answer the first result' }),
})
