import { createRoute, type RouteConfig, z } from '@hono/zod-openapi'
import { listIdParam } from '../../contracts/http/common.ts'
import { changeListRequest, list, listPage, listsQuery, newListRequest } from '../../contracts/http/lists.ts'
import { changeList, createList, deleteList } from '../../services/change-lists.ts'
import { listLists, readList } from '../../services/read-lists.ts'
import { createRouter } from '../context.ts'
import { entryBefore, paginationOf } from '../entry-pages.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { requireBody } from '../middleware/require-body.ts'
import { readPage } from '../read-page.ts'
import { json, problems, withAccessToken } from './answers.ts'

const CURSOR = 'lists'

const tags = ['lists']
const params = z.object({ id: listIdParam })
/** What routes that change a list have in common. */
const change = {
  tags,
  security: withAccessToken,
  middleware: [signedIn] as const,
} satisfies Partial<RouteConfig>
const refusals = problems(
  'validation_failed',
  'unauthenticated',
  'token_expired',
  'forbidden',
  'suspended',
  'list_not_found',
)

const listsRoute = createRoute({
  method: 'get',
  path: '/',
  tags,
  summary: 'One’s lists, or another’s',
  description: 'The newest first. Of another only the public ones, which may be read signed out.',
  security: [...withAccessToken, {}],
  request: { query: listsQuery },
  responses: {
    200: json(listPage, 'A page of lists'),
    ...problems(
      'validation_failed',
      'invalid_cursor',
      'offset_too_large',
      'unauthenticated',
      'token_expired',
      'user_not_found',
    ),
  },
})

const createListRoute = createRoute({
  ...change,
  method: 'post',
  path: '/',
  summary: 'Make a list',
  description: 'Of people whose tweets one reads together. At most 100.',
  request: { body: { required: true, content: { 'application/json': { schema: newListRequest } } } },
  responses: {
    201: json(list, 'The list'),
    ...problems('validation_failed', 'unauthenticated', 'token_expired', 'suspended', 'too_many_lists'),
  },
})

const readListRoute = createRoute({
  method: 'get',
  path: '/{id}',
  tags,
  summary: 'Read a list',
  description: 'A private one is there for its owner alone.',
  security: [...withAccessToken, {}],
  request: { params },
  responses: {
    200: json(list, 'The list'),
    ...problems('validation_failed', 'unauthenticated', 'token_expired', 'list_not_found'),
  },
})

const updateListRoute = createRoute({
  ...change,
  method: 'put',
  path: '/{id}',
  summary: 'Change a list of one’s own',
  middleware: [signedIn, requireBody] as const,
  request: {
    params,
    body: { required: true, content: { 'application/json': { schema: changeListRequest } } },
  },
  responses: { 200: json(list, 'The list as it is now'), ...refusals },
})

const deleteListRoute = createRoute({
  ...change,
  method: 'delete',
  path: '/{id}',
  summary: 'Delete a list of one’s own',
  request: { params },
  responses: { 204: { description: 'Deleted' }, ...refusals },
})

/** `/api/lists`: lists of people. */
export function listRoutes() {
  const routes = createRouter()

  routes.openapi(listsRoute, async (c) => {
    const query = c.req.valid('query')
    const asked = readPage(query, CURSOR)
    const page = { limit: asked.limit, offset: asked.offset, after: entryBefore(asked) }
    const { lists, nextAfter } = await listLists(c.var.deps, c.var.viewer, query.user ?? null, page)
    return c.json({ lists, pagination: paginationOf(asked, CURSOR, nextAfter) }, 200)
  })

  routes.openapi(createListRoute, async (c) => {
    const { name, is_private } = c.req.valid('json')
    return c.json(await createList(c.var.deps, c.var.viewer, { name, isPrivate: is_private ?? false }), 201)
  })

  routes.openapi(readListRoute, async (c) =>
    c.json(await readList(c.var.deps, c.var.viewer, c.req.valid('param').id), 200),
  )

  routes.openapi(updateListRoute, async (c) => {
    const { name, is_private } = c.req.valid('json')
    const changes = { name: name ?? undefined, isPrivate: is_private ?? undefined }
    return c.json(await changeList(c.var.deps, c.var.viewer, c.req.valid('param').id, changes), 200)
  })

  routes.openapi(deleteListRoute, async (c) => {
    await deleteList(c.var.deps, c.var.viewer, c.req.valid('param').id)
    return c.body(null, 204)
  })

  return routes
}
