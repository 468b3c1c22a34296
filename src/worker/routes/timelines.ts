import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import {
  HOME_OFFSET_MAX,
  type PageQuery,
  pageQuery,
  type ScrollPagination,
  userRefParam,
} from '../../contracts/http/common.ts'
import {
  type HomeMarkerJson,
  type HomePageJson,
  homeMarker,
  homePage,
  homeQuery,
  moveMarkerRequest,
} from '../../contracts/http/timelines.ts'
import { tweetPage } from '../../contracts/http/tweets.ts'
import type { HomeMarker } from '../../contracts/timeline.ts'
import type { Utf8Text } from '../../contracts/utf8-text.ts'
import type { Viewer } from '../../services/deps.ts'
import { moveMarker, readMarker } from '../../services/home-marker.ts'
import type { Degraded } from '../../services/home-stretch.ts'
import { readHomeAroundMarker, readHomeTimeline } from '../../services/read-home-timeline.ts'
import { readTopTimeline } from '../../services/read-top-timeline.ts'
import { readUserTimeline } from '../../services/read-user-timeline.ts'
import { type AppEnv, createRouter } from '../context.ts'
import { entryBefore, paginationOf } from '../entry-pages.ts'
import { HOME_CURSOR, homePagination, homePlace } from '../home-places.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { readPage } from '../read-page.ts'
import { serializedJson } from '../serialized-json.ts'
import { TOP_CURSOR, topCursor, topPlace } from '../top-places.ts'
import { json, problems, withAccessToken } from './answers.ts'

const tags = ['timelines']
const USER_CURSOR = 'user'

const homeRoute = createRoute({
  method: 'get',
  path: '/home',
  tags,
  summary: 'The home timeline',
  description:
    'Tweets of those one follows and one’s own, newest first; with `sort=top` the newest ones by rank. `X-Degraded` ' +
    'says `stale` where counts may be outdated, and `timeline` where the page was read from the database.',
  security: withAccessToken,
  middleware: [signedIn] as const,
  request: { query: homeQuery },
  responses: {
    200: json(homePage, 'A page of the home timeline'),
    ...problems('validation_failed', 'invalid_cursor', 'offset_too_large', 'unauthenticated', 'unavailable'),
  },
})

const markerRoute = createRoute({
  method: 'get',
  path: '/home/marker',
  tags,
  summary: 'How far one has read the home timeline',
  security: withAccessToken,
  middleware: [signedIn] as const,
  responses: {
    200: json(homeMarker, 'The reading position; nulls before the first'),
    ...problems('unauthenticated', 'unavailable'),
  },
})

const moveMarkerRoute = createRoute({
  method: 'put',
  path: '/home/marker',
  tags,
  summary: 'Says how far one has read the home timeline',
  description:
    'The newest position holds, whichever device says it last. The others hear of it as a `marker` frame.',
  security: withAccessToken,
  middleware: [signedIn] as const,
  request: {
    body: { required: true, content: { 'application/json': { schema: moveMarkerRequest } } },
  },
  responses: {
    200: json(homeMarker, 'The reading position that holds'),
    ...problems('validation_failed', 'unauthenticated', 'unavailable'),
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
    const query = c.req.valid('query')
    if (query.sort === 'top') return readTop(c, query)
    const asked = readPage(query, HOME_CURSOR, HOME_OFFSET_MAX)
    const deps = c.get('deps')
    const viewer = c.get('viewer')
    const { limit, offset } = asked
    const page =
      query.around === 'marker'
        ? await readHomeAroundMarker(deps, viewer, limit)
        : await readHomeTimeline(deps, viewer, { limit, offset, from: homePlace(asked) })
    return answer(c, page, homePagination(asked, page))
  })

  routes.openapi(markerRoute, async (c) =>
    c.json(presentMarker(await readMarker(c.var.deps, c.var.viewer)), 200),
  )

  routes.openapi(moveMarkerRoute, async (c) => {
    const marker = await moveMarker(c.var.deps, c.var.viewer, c.req.valid('json').last_read_id)
    return c.json(presentMarker(marker), 200)
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

type HomeContext = Context<AppEnv & { Variables: { viewer: Viewer } }>

async function readTop(c: HomeContext, query: PageQuery) {
  const asked = readPage(query, TOP_CURSOR, HOME_OFFSET_MAX)
  const { limit, offset } = asked
  const page = await readTopTimeline(c.var.deps, c.var.viewer, { limit, offset, from: topPlace(asked) })
  const next_cursor = page.next === null ? null : topCursor(page.next)
  return answer(c, page, { limit, offset, has_more: next_cursor !== null, next_cursor, prev_cursor: null })
}

/** The tweets are serialized already: joining them is all that is left to do. */
function answer(
  c: HomeContext,
  { tweets, degraded }: { tweets: Utf8Text[]; degraded: Degraded | null },
  pagination: ScrollPagination,
) {
  if (degraded !== null) c.header('x-degraded', degraded)
  const body = `{"tweets":[${tweets.join()}],"pagination":${JSON.stringify(pagination)}}`
  return serializedJson<HomePageJson>(c, body as Utf8Text)
}

function presentMarker(marker: HomeMarker | null): HomeMarkerJson {
  return {
    last_read_id: marker?.lastReadId ?? null,
    updated_at: marker === null ? null : new Date(marker.updatedAtMs).toISOString(),
  }
}
