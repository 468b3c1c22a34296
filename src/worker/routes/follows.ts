import { createRoute, z } from '@hono/zod-openapi'
import { type PageQuery, pageQuery, type UserRef, userRefParam } from '../../contracts/http/common.ts'
import {
  followAnswer,
  followRequest,
  followSettings,
  followSettingsRequest,
  type UserPage,
  userPage,
} from '../../contracts/http/users.ts'
import { followUser } from '../../services/follow-user.ts'
import { listFollows } from '../../services/list-follows.ts'
import { settleFollow } from '../../services/settle-follow.ts'
import { unfollowUser } from '../../services/unfollow-user.ts'
import { type AppVariables, createRouter } from '../context.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { requireBody } from '../middleware/require-body.ts'
import { placePage, placePagination } from '../place-pages.ts'
import { readPage } from '../read-page.ts'
import { json, problems, withAccessToken } from './answers.ts'

const tags = ['users']
const params = z.object({ id: userRefParam })

const listOf = (direction: 'followers' | 'following', summary: string) =>
  createRoute({
    method: 'get',
    path: `/{id}/${direction}`,
    tags,
    summary,
    description:
      'The newest first. A private account’s lists are for its followers: others get an empty page.',
    security: [...withAccessToken, {}],
    request: { params, query: pageQuery },
    responses: {
      200: json(userPage, 'A page of users; `relationship` only for a reader who is signed in'),
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

const followersRoute = listOf('followers', 'Who follows a user')
const followingRoute = listOf('following', 'Whom a user follows')

/** The body of the specification; the path alone says the same. */
const request = {
  params,
  body: { required: false, content: { 'application/json': { schema: followRequest } } },
}

const followRoute = createRoute({
  method: 'post',
  path: '/{id}/follow',
  tags,
  summary: 'Follow a user',
  description: 'A private account gets a request. Again does nothing.',
  security: withAccessToken,
  middleware: signedIn,
  request,
  responses: {
    200: json(followAnswer, 'Followed, or requested'),
    ...problems(
      'validation_failed',
      'cannot_follow_self',
      'unauthenticated',
      'token_expired',
      'forbidden',
      'suspended',
      'blocked',
      'user_not_found',
      'rate_limited',
    ),
  },
})

const settingsRoute = createRoute({
  method: 'put',
  path: '/{id}/follow',
  tags,
  summary: 'Change what one wants of someone one follows',
  security: withAccessToken,
  middleware: [signedIn, requireBody] as const,
  request: {
    params,
    body: { required: true, content: { 'application/json': { schema: followSettingsRequest } } },
  },
  responses: {
    200: json(followSettings, 'What holds now'),
    ...problems(
      'validation_failed',
      'unauthenticated',
      'token_expired',
      'suspended',
      'user_not_found',
      'not_following',
    ),
  },
})

const unfollowRoute = createRoute({
  method: 'delete',
  path: '/{id}/follow',
  tags,
  summary: 'Unfollow a user, or withdraw the request',
  description: 'Again does nothing.',
  security: withAccessToken,
  middleware: signedIn,
  request,
  responses: {
    200: json(followAnswer, 'No longer followed'),
    ...problems('validation_failed', 'unauthenticated', 'token_expired', 'suspended', 'user_not_found'),
  },
})

/** Under `/api/users`: who follows whom. */
export function followRoutes() {
  const routes = createRouter()

  routes.openapi(followersRoute, async (c) =>
    c.json(await readList(c.var, c.req.valid('param').id, 'followers', c.req.valid('query')), 200),
  )

  routes.openapi(followingRoute, async (c) =>
    c.json(await readList(c.var, c.req.valid('param').id, 'following', c.req.valid('query')), 200),
  )

  routes.openapi(followRoute, async (c) => {
    const followee = { ref: c.req.valid('param').id, claimedId: c.req.valid('json').following_id ?? null }
    const isFollowing = (await followUser(c.var.deps, c.var.viewer, followee)) === 'followed'
    const message = isFollowing ? 'User followed' : 'Follow requested'
    return c.json({ message, is_following: isFollowing, follow_requested: !isFollowing }, 200)
  })

  routes.openapi(settingsRoute, async (c) => {
    const { show_retweets, notify } = c.req.valid('json')
    const settings = { show_retweets: show_retweets ?? undefined, notify: notify ?? undefined }
    return c.json(await settleFollow(c.var.deps, c.var.viewer, c.req.valid('param').id, settings), 200)
  })

  routes.openapi(unfollowRoute, async (c) => {
    const followee = { ref: c.req.valid('param').id, claimedId: c.req.valid('json').following_id ?? null }
    await unfollowUser(c.var.deps, c.var.viewer, followee)
    return c.json({ message: 'User unfollowed', is_following: false, follow_requested: false }, 200)
  })

  return routes
}

async function readList(
  { deps, viewer }: Pick<AppVariables, 'deps' | 'viewer'>,
  user: UserRef,
  direction: 'followers' | 'following',
  query: PageQuery,
): Promise<UserPage> {
  const asked = readPage(query, direction)
  const { users, nextAfter } = await listFollows(deps, viewer, user, { direction, ...placePage(asked) })
  return { users, pagination: placePagination(asked, direction, nextAfter) }
}
