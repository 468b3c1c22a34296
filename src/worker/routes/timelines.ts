import { createRoute, z } from '@hono/zod-openapi'
import { HOME_OFFSET_MAX, type Pagination, pageQuery, userRefParam } from '../../contracts/http/common.ts'
import { type TweetPage, tweetPage } from '../../contracts/http/tweets.ts'
import { encodeCursor } from '../../domain/cursor.ts'
import { AppError } from '../../domain/errors.ts'
import { type EntryId, isId } from '../../domain/ids.ts'
import { type HomePlace, readHomeTimeline } from '../../services/read-home-timeline.ts'
import { readUserTimeline } from '../../services/read-user-timeline.ts'
import { createRouter } from '../context.ts'
import { entryBefore, paginationOf } from '../entry-pages.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { type AskedPage, readPage } from '../read-page.ts'
import { serializedJson } from '../serialized-json.ts'
import { json, problems, withAccessToken } from './answers.ts'

const tags = ['timelines']
const HOME_CURSOR = 'home'
const USER_CURSOR = 'user'

const homeRoute = createRoute({
  method: 'get',
  path: '/home',
  tags,
  summary: 'The home timeline',
  description:
    'Tweets of those one follows and one’s own, newest first. `X-Degraded: stale` says that counts may be outdated.',
  security: withAccessToken,
  middleware: [signedIn] as const,
  request: {
    query: pageQuery.extend({
      sort: z.enum(['latest']).optional().openapi({ default: 'latest' }),
    }),
  },
  responses: {
    200: json(tweetPage, 'A page of the home timeline'),
    ...problems('validation_failed', 'invalid_cursor', 'offset_too_large', 'unauthenticated', 'unavailable'),
  },
})

const userRoute = createRoute({
  method: 'get',
  path: '/user/{id}',
  tags,
  summary: 'A user’s tweets, replies and retweets',
  security: [...withAccessToken, {}],
  request: { params: z.object({ id: userRefParam }), query: pageQuery },
  responses: {
    200: json(tweetPage, 'A page of the user’s timeline'),
    ...problems(
      'validation_failed',
      'invalid_cursor',
      'offset_too_large',
      'unauthenticated',
      'user_not_found',
    ),
  },
})

export function timelineRoutes() {
  const routes = createRouter()

  routes.openapi(homeRoute, async (c) => {
    const asked = readPage(c.req.valid('query'), HOME_CURSOR, HOME_OFFSET_MAX)
    const { limit, offset } = asked
    const page = await readHomeTimeline(c.var.deps, c.var.viewer, { limit, offset, after: homePlace(asked) })
    if (page.stale) c.header('x-degraded', 'stale')
    const next_cursor =
      page.next === null ? null : encodeCursor(HOME_CURSOR, [page.next.before, page.next.top])
    const pagination: Pagination = { limit, offset, has_more: next_cursor !== null, next_cursor }
    // The tweets are serialized already: joining them is all that is left to do.
    const body = `{"tweets":[${page.tweets.join(',')}],"pagination":${JSON.stringify(pagination)}}`
    return serializedJson<TweetPage>(c, body)
  })

  routes.openapi(userRoute, async (c) => {
    const asked = readPage(c.req.valid('query'), USER_CURSOR)
    const { tweets, nextBefore } = await readUserTimeline(
      c.var.deps,
      c.var.viewer,
      c.req.valid('param').id,
      { replies: true, media: false },
      { limit: asked.limit, offset: asked.offset, before: entryBefore(asked) },
    )
    return c.json({ tweets, pagination: paginationOf(asked, USER_CURSOR, nextBefore) }, 200)
  })

  return routes
}

function homePlace({ after }: AskedPage): HomePlace | null {
  if (after === null) return null
  const [before, top] = after
  if (!isEntryId(before) || !isEntryId(top) || after.length !== 2) throw new AppError('invalid_cursor')
  return { before, top }
}

function isEntryId(part: number | string | undefined): part is EntryId {
  return typeof part === 'number' && isId(part)
}
