import { createRoute, z } from '@hono/zod-openapi'
import { checkReadiness } from '../../services/check-readiness.ts'
import { createRouter } from '../context.ts'
import { json } from './answers.ts'

const tags = ['service']

const healthRoute = createRoute({
  method: 'get',
  path: '/health',
  tags,
  summary: 'Whether the Worker runs',
  responses: { 200: json(z.object({ status: z.literal('ok') }), 'It does') },
})

const readiness = z.object({
  ready: z.boolean(),
  checks: z.record(
    z.string(),
    z.object({ ok: z.boolean(), duration_ms: z.number(), detail: z.string().optional() }),
  ),
})

const readyRoute = createRoute({
  method: 'get',
  path: '/ready',
  tags,
  summary: 'Whether every dependency answers, and in what time',
  responses: {
    200: json(readiness, 'All do, but for search, without which the API goes on'),
    503: json(readiness, 'Postgres or the hashing of passwords does not'),
  },
})

export function serviceRoutes() {
  const routes = createRouter()
  routes.openapi(healthRoute, (c) => c.json({ status: 'ok' as const }, 200))
  routes.openapi(readyRoute, async (c) => {
    const answer = await checkReadiness(c.var.deps)
    return c.json(answer, answer.ready ? 200 : 503)
  })
  return routes
}
