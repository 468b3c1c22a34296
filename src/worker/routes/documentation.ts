import type { OpenAPIHono } from '@hono/zod-openapi'
import { type AppEnv, createRouter } from '../context.ts'

const DESCRIPTION = `A microblog: tweets, timelines, live delivery.

Errors are \`application/problem+json\` (RFC 9457) with a closed set of \`code\`s. Lists come in pages: \`limit\` and either
\`cursor\` (the \`next_cursor\` of the page before) or \`offset\`. Live frames come over \`GET /api/stream\`, a WebSocket with the
subprotocols \`warbler.v1\` and \`bearer.<access token>\`.`

/** `/openapi.json`, made of the schemas that validate, and `/docs` to browse and try it. */
export function documentationRoutes(app: OpenAPIHono<AppEnv>) {
  const routes = createRouter()
  app.openAPIRegistry.registerComponent('securitySchemes', 'accessToken', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
  })

  routes.get('/openapi.json', (c) =>
    c.json(
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: { title: 'Warbler', version: '0.1.0', description: DESCRIPTION },
        servers: [{ url: new URL(c.req.url).origin }],
      }),
    ),
  )

  routes.get('/docs', (c) => c.html(DOCS_PAGE))
  routes.get('/docs/*', (c) => c.env.ASSETS.fetch(c.req.raw))
  return routes
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
