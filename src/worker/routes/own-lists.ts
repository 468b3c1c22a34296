import { createRoute, type RouteConfig } from '@hono/zod-openapi'
import { type PageQuery, pageQuery } from '../../contracts/http/common.ts'
import { type TweetPage, tweetPage } from '../../contracts/http/tweets.ts'
import type { Deps, Viewer } from '../../services/deps.ts'
import { listActedOn, listMentions } from '../../services/list-tweets.ts'
import { createRouter } from '../context.ts'
import { entryBefore, paginationOf } from '../entry-pages.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { placePage, placePagination } from '../place-pages.ts'
import { readPage } from '../read-page.ts'
import { json, problems, withAccessToken } from './answers.ts'

const MENTIONS_CURSOR = 'mentions'

/** What every list of the reader's own has in common. */
const list = {
  security: withAccessToken,
  middleware: [signedIn] as const,
  request: { query: pageQuery },
  responses: {
    200: json(tweetPage, 'A page of tweets; what can no longer be seen is left out'),
    ...problems(
      'validation_failed',
      'invalid_cursor',
      'offset_too_large',
      'unauthenticated',
      'token_expired',
    ),
  },
} satisfies Partial<RouteConfig>

const bookmarksRoute = createRoute({
  ...list,
  method: 'get',
  path: '/bookmarks',
  tags: ['tweets'],
  summary: 'One’s bookmarks',
  description: 'The latest bookmark first.',
})

const likesRoute = createRoute({
  ...list,
  method: 'get',
  path: '/timeline/likes',
  tags: ['timelines'],
  summary: 'The tweets that one liked',
  description: 'The latest like first.',
})

const mentionsRoute = createRoute({
  ...list,
  method: 'get',
  path: '/timeline/mentions',
  tags: ['timelines'],
  summary: 'The tweets that mention one',
  description: 'Newest first; without those of the muted.',
})

/** Under `/api`: lists of tweets that are the reader's own. */
export function ownListRoutes() {
  const routes = createRouter()

  routes.openapi(bookmarksRoute, async (c) =>
    c.json(await readActedOn(c.var, 'bookmarks', c.req.valid('query')), 200),
  )

  routes.openapi(likesRoute, async (c) =>
    c.json(await readActedOn(c.var, 'likes', c.req.valid('query')), 200),
  )

  routes.openapi(mentionsRoute, async (c) => {
    const asked = readPage(c.req.valid('query'), MENTIONS_CURSOR)
    const page = { limit: asked.limit, offset: asked.offset, after: entryBefore(asked) }
    const { tweets, nextAfter } = await listMentions(c.var.deps, c.var.viewer, page)
    return c.json({ tweets, pagination: paginationOf(asked, MENTIONS_CURSOR, nextAfter) }, 200)
  })

  return routes
}

async function readActedOn(
  { deps, viewer }: { deps: Deps; viewer: Viewer },
  kind: 'likes' | 'bookmarks',
  query: PageQuery,
): Promise<TweetPage> {
  const asked = readPage(query, `own-${kind}`)
  const { tweets, nextAfter } = await listActedOn(deps, viewer, kind, placePage(asked))
  return { tweets, pagination: placePagination(asked, `own-${kind}`, nextAfter) }
}
