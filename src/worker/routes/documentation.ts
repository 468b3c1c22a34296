import type { OpenAPIHono } from '@hono/zod-openapi'
import { z } from '@hono/zod-openapi'
import { AppError } from '../../domain/errors.ts'
import { type AppEnv, createRouter } from '../context.ts'
import { problems } from './answers.ts'
import { withCommonProblems } from './common-problems.ts'

const DESCRIPTION = `A microblog: tweets, timelines, live delivery.

Errors are \`application/problem+json\` (RFC 9457) with a closed set of \`code\`s. Lists come in pages: \`limit\` and either
\`cursor\` (the \`next_cursor\` of the page before) or \`offset\`. Live frames come over \`GET /api/stream\`, a WebSocket with the
subprotocols \`warbler.v1\` and \`bearer.<access token>\`.`

/** `/openapi.json`, made of the schemas that validate, and `/docs` to browse and try it. */
export function documentationRoutes(app: OpenAPIHono<AppEnv>) {
  const routes = createRouter()
  registerStream(app)

  routes.get('/openapi.json', (c) => {
    const document = app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: { title: 'Warbler', version: '0.1.0', description: DESCRIPTION },
      servers: [{ url: new URL(c.req.url).origin }],
    })
    for (const path of Object.values(document.paths ?? {})) {
      for (const method of ['get', 'post', 'put', 'delete'] as const) {
        const operation = path[method]
        if (operation !== undefined) operation.responses = withCommonProblems(method, operation)
      }
    }
    return c.json(document)
  })

  routes.get('/docs', (c) => c.html(DOCS_PAGE))
  routes.get('/docs/*', async (c) => {
    const asset = await c.env.ASSETS.fetch(c.req.raw)
    if (asset.status === 404) throw new AppError('route_not_found')
    // A copy: the headers of what a binding answers cannot be added to.
    return new Response(asset.body, asset)
  })
  return routes
}

/** The upgrade is no route of the schema router: it answers no JSON. */
function registerStream(app: OpenAPIHono<AppEnv>): void {
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/api/stream',
    tags: ['timelines'],
    summary: 'The live stream, a WebSocket',
    description:
      'Upgrade with `Sec-WebSocket-Protocol: warbler.v1, bearer.<access token>`. Frames are JSON texts ' +
      '`{ type, seq, data }`; `ping` is answered `pong`.\n\n' +
      '- `ready`: what was missed has come. `reset`: it is not known; read everything anew\n' +
      '- `tweet`, `tweet_edited`: a Tweet. `tweet_deleted`: `{ id }`\n' +
      '- `marker`: `{ last_read_id, updated_at }`\n' +
      '- `notification`: a Notification with `unread_count`. Those of one type on one tweet come at most once a second, the ' +
      'newest for all: then `coalesced` says for how many it stands\n' +
      '- `notification_withdrawn`: `{ ids, unread_count }`\n' +
      '- `notifications_read`: `{ id, up_to_id, unread_count }`: the one with this id, or all up to this id; both null when ' +
      'only the count has changed\n' +
      '- `message`: a Message. `message_read`: `{ reader_id, other_id, up_to_id }`\n\n' +
      '`unread_count` is absolute. Drop what comes twice by its id; several frames may have one `seq`. ' +
      'Closes: 4001 signed out, 4008 too many sockets.',
    request: {
      query: z.object({
        since: z.string().optional().openapi({ description: '`seq` of the last frame that was seen' }),
      }),
    },
    responses: {
      101: { description: 'Upgraded' },
      ...problems('unauthenticated', 'token_expired', 'upgrade_required', 'unavailable'),
    },
  })
}

const DOCS_PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Warbler API</title>
    <link rel="icon" href="/docs/favicon-32x32.png" />
    <link rel="stylesheet" href="/docs/swagger-ui.css" />
  </head>
  <body>
    <div id="docs"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script>
      SwaggerUIBundle({ url: '/openapi.json', dom_id: '#docs', deepLinking: true, persistAuthorization: true })
    </script>
  </body>
</html>
`
