import { createRoute, type RouteConfig, z } from '@hono/zod-openapi'
import { type PageQuery, type Pagination, pageQuery } from '../../contracts/http/common.ts'
import { explore, tagParam, trendingHashtags, trendingTopics } from '../../contracts/http/discovery.ts'
import { tweetPage } from '../../contracts/http/tweets.ts'
import { encodeCursor } from '../../domain/cursor.ts'
import { AppError } from '../../domain/errors.ts'
import { exploreFor } from '../../services/explore.ts'
import { listTrends } from '../../services/list-trends.ts'
import { listHashtagTweets } from '../../services/list-tweets.ts'
import { type AppVariables, createRouter } from '../context.ts'
import { entryBefore, paginationOf } from '../entry-pages.ts'
import { readPage } from '../read-page.ts'
import { json, problems, withAccessToken } from './answers.ts'

const TAG_CURSOR = 'hashtag-tweets'

/** What all these routes have in common: they are for everybody. */
const forAll = {
  method: 'get',
  tags: ['discovery'],
  security: [...withAccessToken, {}],
} satisfies Partial<RouteConfig>

const refusals = problems(
  'validation_failed',
  'invalid_cursor',
  'offset_too_large',
  'unauthenticated',
  'token_expired',
)

const topicsRoute = createRoute({
  ...forAll,
  path: '/trending/topics',
  summary: 'Words and phrases that rise',
  description:
    'Of the last 24 hours, the best first, each against its own week before. A ranking of each minute, shown ' +
    'until it is 70 seconds old at the most (older where the next is late). Without what holds a word that ' +
    'the reader mutes.',
  request: { query: pageQuery },
  responses: { 200: json(trendingTopics, 'Topics'), ...refusals },
})

const hashtagsRoute = createRoute({
  ...forAll,
  path: '/trending/hashtags',
  summary: 'Hashtags that are used and engaged with most',
  description:
    'Of the last 24 hours, the best first. A ranking of each minute, shown until it is 70 seconds old at the most ' +
    '(older where the next is late). Without what holds a word that the reader mutes.',
  request: { query: pageQuery },
  responses: { 200: json(trendingHashtags, 'Hashtags'), ...refusals },
})

const exploreRoute = createRoute({
  ...forAll,
  path: '/explore',
  summary: 'What goes on',
  description:
    'Trending tweets, topics and hashtags, and people: whom a reader who is signed in might follow, else who is popular (then ' +
    'without `relationship`).',
  responses: {
    200: json(explore, 'Tweets, topics, hashtags and people'),
    ...problems('unauthenticated', 'token_expired'),
  },
})

const hashtagRoute = createRoute({
  ...forAll,
  path: '/hashtags/{tag}/tweets',
  summary: 'The tweets with a hashtag',
  description:
    'Newest first, without those of people whom the reader mutes, and without sensitive ones but for who wants to see them. A hashtag ' +
    'that nobody has used has none.',
  request: { params: z.object({ tag: tagParam }), query: pageQuery },
  responses: { 200: json(tweetPage, 'A page of tweets'), ...refusals },
})

/** `/api/trending`, `/api/explore` and `/api/hashtags`: what goes on. */
export function discoveryRoutes() {
  const routes = createRouter()

  routes.openapi(topicsRoute, async (c) => {
    const { trends, pagination } = await readTrends(c.var, 'topics', c.req.valid('query'))
    return c.json({ topics: trends, pagination }, 200)
  })

  routes.openapi(hashtagsRoute, async (c) => {
    const { trends, pagination } = await readTrends(c.var, 'hashtags', c.req.valid('query'))
    return c.json({ hashtags: trends, pagination }, 200)
  })

  routes.openapi(exploreRoute, async (c) => c.json(await exploreFor(c.var.deps, c.var.viewer), 200))

  routes.openapi(hashtagRoute, async (c) => {
    const asked = readPage(c.req.valid('query'), TAG_CURSOR)
    const page = { limit: asked.limit, offset: asked.offset, after: entryBefore(asked) }
    const { tag } = c.req.valid('param')
    const { tweets, nextAfter } = await listHashtagTweets(c.var.deps, c.var.viewer, tag, page)
    return c.json({ tweets, pagination: paginationOf(asked, TAG_CURSOR, nextAfter) }, 200)
  })

  return routes
}

/** A ranking is another one each minute, so its cursor is a place in it. */
async function readTrends(
  { deps, viewer }: Pick<AppVariables, 'deps' | 'viewer'>,
  kind: 'hashtags' | 'topics',
  query: PageQuery,
) {
  const asked = readPage(query, kind)
  const offset = asked.after === null ? asked.offset : placeOf(asked.after)
  const { trends, hasMore } = await listTrends(deps, viewer, kind, { offset, limit: asked.limit })
  const pagination: Pagination = {
    limit: asked.limit,
    offset: asked.offset,
    has_more: hasMore,
    next_cursor: hasMore ? encodeCursor(kind, [offset + asked.limit]) : null,
  }
  return { trends, pagination }
}

function placeOf([place, ...more]: (number | string)[]): number {
  if (typeof place !== 'number' || place < 1 || more.length > 0) throw new AppError('invalid_cursor')
  return place
}
