import { z } from '@hono/zod-openapi'

export const verifyRequest = z.object({ verified: z.boolean() }).openapi('VerifyRequest')
