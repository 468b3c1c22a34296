import { createRoute, type RouteConfig, z } from '@hono/zod-openapi'
import { type PageQuery, pageQuery, tweetIdParam } from '../../contracts/http/common.ts'
import { type ThreadAnswer, thread } from '../../contracts/http/thread.ts'
import { type TweetPage, tweetPage } from '../../contracts/http/tweets.ts'
import { type UserPage, userPage } from '../../contracts/http/users.ts'
import { encodeCursor } from '../../domain/cursor.ts'
import type { TweetId } from '../../domain/ids.ts'
import { listTweetActors } from '../../services/list-tweet-actors.ts'
import { listAnswers } from '../../services/list-tweets.ts'
import { readThread } from '../../services/read-thread.ts'
import { type AppVariables, createRouter } from '../context.ts'
import { entryBefore, paginationOf } from '../entry-pages.ts'
import { placePage, placePagination } from '../place-pages.ts'
import { readPage } from '../read-page.ts'
import { json, problems, withAccessToken } from './answers.ts'

const THREAD_CURSOR = 'thread'

/** What every list of a tweet has in common. */
const list = {
  tags: ['tweets'],
  security: [...withAccessToken, {}],
  request: { params: z.object({ id: tweetIdParam }), query: pageQuery },
} satisfies Partial<RouteConfig>

const refusals = problems(
  'validation_failed',
  'invalid_cursor',
  'offset_too_large',
  'unauthenticated',
  'token_expired',
  'tweet_not_found',
)

const likesRoute = createRoute({
  ...list,
  method: 'get',
  path: '/{id}/likes',
  summary: 'Who liked a tweet',
  description: 'The latest first.',
  responses: {
    200: json(userPage, 'A page of users; `relationship` only for a reader who is signed in'),
    ...refusals,
  },
})

const retweetsRoute = createRoute({
  ...list,
  method: 'get',
  path: '/{id}/retweets',
  summary: 'Who retweeted a tweet',
  description: 'The latest first.',
  responses: {
    200: json(userPage, 'A page of users; `relationship` only for a reader who is signed in'),
    ...refusals,
  },
})

const repliesRoute = createRoute({
  ...list,
  method: 'get',
  path: '/{id}/replies',
  summary: 'The replies to a tweet',
  description: 'Newest first.',
  responses: { 200: json(tweetPage, 'A page of tweets'), ...refusals },
})

const quotesRoute = createRoute({
  ...list,
  method: 'get',
  path: '/{id}/quotes',
  summary: 'The tweets that quote a tweet',
  description: 'Newest first.',
  responses: { 200: json(tweetPage, 'A page of tweets'), ...refusals },
})

const threadRoute = createRoute({
  ...list,
  method: 'get',
  path: '/{id}/thread',
  summary: 'A tweet in its conversation',
  description:
    'What it answers, and a page of what answers it, each with the first replies to it. Where a reply has more ' +
    'below it than is shown, its `next_cursor` goes on in its own thread: `/tweets/{its id}/thread?cursor=`.',
  responses: { 200: json(thread, 'The thread'), ...refusals },
})

/** Under `/api/tweets`: who acted on a tweet, and what was said to it. */
export function tweetListRoutes() {
  const routes = createRouter()

  routes.openapi(likesRoute, async (c) =>
    c.json(await readActors(c.var, 'likes', c.req.valid('param').id, c.req.valid('query')), 200),
  )

  routes.openapi(retweetsRoute, async (c) =>
    c.json(await readActors(c.var, 'retweets', c.req.valid('param').id, c.req.valid('query')), 200),
  )

  routes.openapi(repliesRoute, async (c) =>
    c.json(await readAnswers(c.var, 'replies', c.req.valid('param').id, c.req.valid('query')), 200),
  )

  routes.openapi(quotesRoute, async (c) =>
    c.json(await readAnswers(c.var, 'quotes', c.req.valid('param').id, c.req.valid('query')), 200),
  )

  routes.openapi(threadRoute, async (c) => {
    const asked = readPage(c.req.valid('query'), THREAD_CURSOR)
    const page = { limit: asked.limit, offset: asked.offset, after: entryBefore(asked) }
    const found = await readThread(c.var.deps, c.var.viewer, c.req.valid('param').id, page)
    const replies = found.replies.map(({ replies: below, ...reply }) => ({
      ...withCursor(reply),
      replies: below.map(withCursor),
    }))
    const { ancestors, tweet, nextAfter } = found
    const pagination = paginationOf(asked, THREAD_CURSOR, nextAfter)
    return c.json({ ancestors, tweet, replies, pagination } satisfies ThreadAnswer, 200)
  })

  return routes
}

function withCursor<Node extends { nextAfter: number | null }>({ nextAfter, ...node }: Node) {
  return { ...node, next_cursor: nextAfter === null ? null : encodeCursor(THREAD_CURSOR, [nextAfter]) }
}

type Reader = Pick<AppVariables, 'deps' | 'viewer'>

async function readActors(
  { deps, viewer }: Reader,
  kind: 'likes' | 'retweets',
  tweet: TweetId,
  query: PageQuery,
): Promise<UserPage> {
  const asked = readPage(query, kind)
  const { users, nextAfter } = await listTweetActors(deps, viewer, kind, tweet, placePage(asked))
  return { users, pagination: placePagination(asked, kind, nextAfter) }
}

async function readAnswers(
  { deps, viewer }: Reader,
  kind: 'replies' | 'quotes',
  tweet: TweetId,
  query: PageQuery,
): Promise<TweetPage> {
  const asked = readPage(query, kind)
  const page = { limit: asked.limit, offset: asked.offset, after: entryBefore(asked) }
  const { tweets, nextAfter } = await listAnswers(deps, viewer, kind, tweet, page)
  return { tweets, pagination: paginationOf(asked, kind, nextAfter) }
}
