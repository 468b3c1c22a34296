import { createRoute, type RouteConfig, z } from '@hono/zod-openapi'
import {
  LIST_TIMELINE_OFFSET_MAX,
  listIdParam,
  pageQuery,
  userRefParam,
} from '../../contracts/http/common.ts'
import { list } from '../../contracts/http/lists.ts'
import { tweetPage } from '../../contracts/http/tweets.ts'
import { userPage } from '../../contracts/http/users.ts'
import { addListMember, listListMembers, removeListMember } from '../../services/list-members.ts'
import { readListTimeline } from '../../services/read-list-timeline.ts'
import { createRouter } from '../context.ts'
import { LIST_CURSOR, listPagination, listPlace } from '../list-places.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { placePage, placePagination } from '../place-pages.ts'
import { readPage } from '../read-page.ts'
import { json, problems, withAccessToken } from './answers.ts'

const MEMBERS_CURSOR = 'list-members'

const tags = ['lists']
/** What both reads of a list have in common. */
const read = {
  tags,
  security: [...withAccessToken, {}],
  request: { params: z.object({ id: listIdParam }), query: pageQuery },
} satisfies Partial<RouteConfig>
const readRefusals = problems(
  'validation_failed',
  'invalid_cursor',
  'offset_too_large',
  'unauthenticated',
  'token_expired',
  'list_not_found',
)
/** What both changes of a list's members have in common. */
const change = {
  tags,
  path: '/{id}/members/{userId}',
  security: withAccessToken,
  middleware: signedIn,
  request: { params: z.object({ id: listIdParam, userId: userRefParam }) },
} as const

const membersRoute = createRoute({
  ...read,
  method: 'get',
  path: '/{id}/members',
  summary: 'Who is on a list',
  description: 'The latest added first.',
  responses: {
    200: json(userPage, 'A page of users; `relationship` only for a reader who is signed in'),
    ...readRefusals,
  },
})

const timelineRoute = createRoute({
  ...read,
  method: 'get',
  path: '/{id}/timeline',
  summary: 'What the people on a list tweet and retweet',
  description:
    'Newest first, replies included, as far as the reader may see it; without those whom the reader mutes. A tweet stands ' +
    'once in a scroll. Past an `offset` of 800 one reads on with the cursor.',
  responses: { 200: json(tweetPage, 'A page of tweets'), ...readRefusals },
})

const addRoute = createRoute({
  ...change,
  method: 'post',
  summary: 'Put somebody on a list of one’s own',
  description:
    'At most 500. Again does nothing. The tweets of a private account show to its followers alone.',
  responses: {
    200: json(list, 'The list as it is now'),
    ...problems(
      'validation_failed',
      'unauthenticated',
      'token_expired',
      'forbidden',
      'suspended',
      'blocked',
      'list_not_found',
      'user_not_found',
      'list_full',
    ),
  },
})

const removeRoute = createRoute({
  ...change,
  method: 'delete',
  summary: 'Take somebody off a list of one’s own',
  description: 'Again does nothing.',
  responses: {
    200: json(list, 'The list as it is now'),
    ...problems(
      'validation_failed',
      'unauthenticated',
      'token_expired',
      'forbidden',
      'suspended',
      'list_not_found',
      'user_not_found',
    ),
  },
})

/** Under `/api/lists`: who is on a list, and what they tweet. */
export function listMemberRoutes() {
  const routes = createRouter()

  routes.openapi(membersRoute, async (c) => {
    const { deps, viewer } = c.var
    const asked = readPage(c.req.valid('query'), MEMBERS_CURSOR)
    const { users, nextAfter } = await listListMembers(
      deps,
      viewer,
      c.req.valid('param').id,
      placePage(asked),
    )
    return c.json({ users, pagination: placePagination(asked, MEMBERS_CURSOR, nextAfter) }, 200)
  })

  routes.openapi(timelineRoute, async (c) => {
    const asked = readPage(c.req.valid('query'), LIST_CURSOR, LIST_TIMELINE_OFFSET_MAX)
    const page = { limit: asked.limit, offset: asked.offset, place: listPlace(asked) }
    const { tweets, next } = await readListTimeline(c.var.deps, c.var.viewer, c.req.valid('param').id, page)
    return c.json({ tweets, pagination: listPagination(asked, next) }, 200)
  })

  routes.openapi(addRoute, async (c) => {
    const { id, userId } = c.req.valid('param')
    return c.json(await addListMember(c.var.deps, c.var.viewer, id, userId), 200)
  })

  routes.openapi(removeRoute, async (c) => {
    const { id, userId } = c.req.valid('param')
    return c.json(await removeListMember(c.var.deps, c.var.viewer, id, userId), 200)
  })

  return routes
}
