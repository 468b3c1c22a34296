import { createRoute } from '@hono/zod-openapi'
import type { PageQuery, Pagination } from '../../contracts/http/common.ts'
import {
  type FoundHashtagPage,
  type FoundTweetPage,
  foundHashtagPage,
  foundTweetPage,
  SEARCH_OFFSET_MAX,
  searchNamesQuery,
  searchTweetsQuery,
} from '../../contracts/http/search.ts'
import { type UserPage, userPage } from '../../contracts/http/users.ts'
import type { Deps, Viewer } from '../../services/deps.ts'
import { searchHashtags } from '../../services/search-hashtags.ts'
import { searchTweets } from '../../services/search-tweets.ts'
import { searchUsers } from '../../services/search-users.ts'
import { createRouter } from '../context.ts'
import {
  foundCursor,
  foundPlace,
  foundUserCursor,
  foundUserPlace,
  hashtagCursor,
  hashtagPlace,
} from '../found-places.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { type AskedPage, readPage } from '../read-page.ts'
import { json, problems, withAccessToken } from './answers.ts'

const USERS_CURSOR = 'found-users'
const ALIAS_CURSOR = 'users-found'
const HASHTAGS_CURSOR = 'found-hashtags'

/** What all of these routes have in common. */
const search = {
  method: 'get' as const,
  tags: ['search'],
  security: withAccessToken,
  middleware: signedIn,
}
const refusals = problems(
  'validation_failed',
  'invalid_cursor',
  'offset_too_large',
  'unauthenticated',
  'token_expired',
  'unavailable',
)

const tweetsRoute = createRoute({
  ...search,
  path: '/tweets',
  summary: 'Search tweets',
  description:
    'Public tweets that hold all that is asked for: by `relevance`, `latest` first, or those first that were liked, retweeted ' +
    'and answered most (`top`). Without those of people whom one has muted, but where `from:` names them.',
  request: { query: searchTweetsQuery },
  responses: { 200: json(foundTweetPage, 'A page of tweets'), ...refusals },
})

const usersRoute = createRoute({
  ...search,
  path: '/users',
  summary: 'Search people',
  description:
    'By name, handle and bio, as one types. Of each hundred that fit best, whom one follows comes first, then the verified.',
  request: { query: searchNamesQuery },
  responses: { 200: json(userPage, 'A page of users'), ...refusals },
})

const aliasRoute = createRoute({
  ...usersRoute,
  path: '/search',
  description: 'As `/search/users`.',
})

const hashtagsRoute = createRoute({
  ...search,
  path: '/hashtags',
  summary: 'Search hashtags',
  description: 'As one types; the best 200 at the most.',
  request: { query: searchNamesQuery },
  responses: { 200: json(foundHashtagPage, 'A page of hashtags'), ...refusals },
})

/** `/api/search`: what is found. */
export function searchRoutes() {
  const routes = createRouter()

  routes.openapi(tweetsRoute, async (c) => {
    const { q: text, sort = 'relevance', ...query } = c.req.valid('query')
    const kind = `found-${sort}`
    const asked = readPage(query, kind, SEARCH_OFFSET_MAX)
    const { limit, offset } = asked
    const { deps, viewer } = c.var
    const found = await searchTweets(deps, viewer, { text, sort, limit, offset, place: foundPlace(asked) })
    const nextCursor = found.next === null ? null : foundCursor(kind, found.next)
    const answer: FoundTweetPage = {
      tweets: found.tweets,
      pagination: paginationOf(asked, nextCursor),
      did_you_mean: found.didYouMean,
    }
    return c.json(answer, 200)
  })

  routes.openapi(usersRoute, async (c) =>
    c.json(await readUsers(c.var, USERS_CURSOR, c.req.valid('query')), 200),
  )

  routes.openapi(hashtagsRoute, async (c) => {
    const { q: text, ...query } = c.req.valid('query')
    const asked = readPage(query, HASHTAGS_CURSOR, SEARCH_OFFSET_MAX)
    const { limit, offset } = asked
    const found = await searchHashtags(c.var.deps, { text, limit, offset, after: hashtagPlace(asked) })
    const nextCursor = found.nextAfter === null ? null : hashtagCursor(HASHTAGS_CURSOR, found.nextAfter)
    const answer: FoundHashtagPage = {
      hashtags: found.hashtags,
      pagination: paginationOf(asked, nextCursor),
    }
    return c.json(answer, 200)
  })

  return routes
}

/** Under `/api/users`: the search for people by its other name, which is to come before the users themselves. */
export function userSearchRoutes() {
  const routes = createRouter()

  routes.openapi(aliasRoute, async (c) =>
    c.json(await readUsers(c.var, ALIAS_CURSOR, c.req.valid('query')), 200),
  )

  return routes
}

async function readUsers(
  { deps, viewer }: { deps: Deps; viewer: Viewer },
  kind: string,
  { q: text, ...query }: PageQuery & { q: string },
): Promise<UserPage> {
  const asked = readPage(query, kind, SEARCH_OFFSET_MAX)
  const { limit, offset } = asked
  const { users, next } = await searchUsers(deps, viewer, {
    text,
    limit,
    offset,
    place: foundUserPlace(asked),
  })
  const nextCursor = next === null ? null : foundUserCursor(kind, next)
  return { users, pagination: paginationOf(asked, nextCursor) }
}

function paginationOf({ limit, offset }: AskedPage, nextCursor: string | null): Pagination {
  return { limit, offset, has_more: nextCursor !== null, next_cursor: nextCursor }
}
