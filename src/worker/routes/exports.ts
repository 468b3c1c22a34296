import { createRoute, type RouteConfig, z } from '@hono/zod-openapi'
import { archiveQuery, dataExport } from '../../contracts/http/exports.ts'
import { type Download, downloadArchive } from '../../services/download-archive.ts'
import { type OwnExport, readOwnExport, requestExport } from '../../services/export-data.ts'
import { presentExport } from '../../views/present-export.ts'
import { createRouter } from '../context.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { json, problems, withAccessToken } from './answers.ts'

const tags = ['export']
/** What both routes of one's own have in common. */
const own = {
  tags,
  security: withAccessToken,
  middleware: [signedIn] as const,
} satisfies Partial<RouteConfig>

const requestRoute = createRoute({
  ...own,
  method: 'post',
  path: '/',
  summary: 'Have all of one’s data put into an archive',
  description:
    'It is made in the background, usually within seconds, and is there for 24 hours. While there is one, or one is being ' +
    'made, again does nothing. Of those that fail, three can be begun within 24 hours.',
  responses: {
    202: json(dataExport, 'What became of it so far'),
    ...problems('unauthenticated', 'token_expired', 'suspended', 'rate_limited', 'unavailable'),
  },
})

const stateRoute = createRoute({
  ...own,
  method: 'get',
  path: '/',
  summary: 'What became of one’s newest export',
  responses: {
    200: json(dataExport, 'Its state, and the link to the archive where it is ready'),
    ...problems('unauthenticated', 'token_expired', 'unavailable'),
  },
})

const archiveFile = { content: { 'application/zip': { schema: z.string().openapi({ format: 'binary' }) } } }

const archiveRoute = createRoute({
  method: 'get',
  path: '/archive',
  tags,
  summary: 'Download an archive by its link',
  description: 'Needs no access token. A `Range` of bytes may be asked for.',
  request: { query: archiveQuery },
  responses: {
    200: { description: 'A ZIP of JSON files', ...archiveFile },
    206: { description: 'The part of it that was asked for', ...archiveFile },
    ...problems('validation_failed', 'archive_not_found', 'unavailable'),
  },
})

/** `/api/export`: all that one has here. */
export function exportRoutes() {
  const routes = createRouter()

  routes.openapi(requestRoute, async (c) =>
    c.json(present(await requestExport(c.var.deps, c.var.viewer), c.req.url), 202),
  )

  routes.openapi(stateRoute, async (c) =>
    c.json(present(await readOwnExport(c.var.deps, c.var.viewer), c.req.url), 200),
  )

  routes.openapi(archiveRoute, async (c) => {
    const { token } = c.req.valid('query')
    return fileOf(await downloadArchive(c.var.deps, token, c.req.header('range')))
  })

  return routes
}

function present({ row, token }: OwnExport, requestUrl: string) {
  const { origin } = new URL(requestUrl)
  return presentExport(row, token === null ? null : `${origin}/api/export/archive?token=${token}`)
}

function fileOf({ id, body, bytes, range }: Download): Response {
  const headers = new Headers({
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-store',
    'content-disposition': 'attachment; filename="warbler-archive.zip"',
    'content-length': String(range?.length ?? bytes),
    'content-type': 'application/zip',
    etag: `"${id}"`,
  })
  if (range === null) return new Response(body, { headers })
  headers.set('content-range', `bytes ${range.offset}-${range.offset + range.length - 1}/${bytes}`)
  return new Response(body, { status: 206, headers })
}
