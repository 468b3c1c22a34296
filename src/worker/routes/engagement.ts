import { createRoute, type RouteConfig, z } from '@hono/zod-openapi'
import { tweetIdParam } from '../../contracts/http/common.ts'
import {
  bookmarkAnswer,
  likeAnswer,
  muteConversationAnswer,
  retweetAnswer,
  retweetRequest,
  voteRequest,
} from '../../contracts/http/engagement.ts'
import { poll, tweet } from '../../contracts/http/tweets.ts'
import type { ProblemCode } from '../../domain/errors.ts'
import type { TweetId } from '../../domain/ids.ts'
import { isBlank } from '../../domain/tweet-text.ts'
import { bookmarkTweet, removeBookmark } from '../../services/bookmark-tweet.ts'
import type { Deps, Viewer } from '../../services/deps.ts'
import { likeTweet, unlikeTweet } from '../../services/like-tweet.ts'
import { muteConversation, unmuteConversation } from '../../services/mute-conversation.ts'
import { publishTweet } from '../../services/publish-tweet.ts'
import { retweetTweet, undoRetweet } from '../../services/retweet-tweet.ts'
import { voteInPoll } from '../../services/vote-in-poll.ts'
import { createRouter } from '../context.ts'
import { idempotencyHeader } from '../idempotency-header.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { json, problems, withAccessToken } from './answers.ts'

const params = z.object({ id: tweetIdParam })

/** What every action on a tweet has in common. */
const action = {
  tags: ['tweets'],
  security: withAccessToken,
  middleware: [signedIn] as const,
} satisfies Partial<RouteConfig>

const refusals = (...codes: ProblemCode[]) =>
  problems('validation_failed', 'unauthenticated', 'token_expired', 'suspended', 'tweet_not_found', ...codes)

const likeRoute = createRoute({
  ...action,
  method: 'post',
  path: '/{id}/like',
  summary: 'Like a tweet',
  description: 'Again does nothing.',
  request: { params },
  responses: { 200: json(likeAnswer, 'Liked'), ...refusals('rate_limited') },
})

const unlikeRoute = createRoute({
  ...action,
  method: 'delete',
  path: '/{id}/like',
  summary: 'Take a like back',
  description: 'Again does nothing.',
  request: { params },
  responses: { 200: json(likeAnswer, 'No longer liked'), ...refusals() },
})

const bookmarkRoute = createRoute({
  ...action,
  method: 'post',
  path: '/{id}/bookmark',
  summary: 'Bookmark a tweet',
  description: 'Only oneself sees one’s bookmarks. Again does nothing.',
  request: { params },
  responses: { 200: json(bookmarkAnswer, 'Bookmarked'), ...refusals() },
})

const removeBookmarkRoute = createRoute({
  ...action,
  method: 'delete',
  path: '/{id}/bookmark',
  summary: 'Remove a bookmark',
  description: 'Again does nothing.',
  request: { params },
  responses: { 200: json(bookmarkAnswer, 'No longer bookmarked'), ...refusals() },
})

const muteConversationRoute = createRoute({
  ...action,
  method: 'post',
  path: '/{id}/mute-conversation',
  summary: 'Mute the conversation that a tweet is in',
  description: 'One is no longer notified of it. Again does nothing.',
  request: { params },
  responses: { 200: json(muteConversationAnswer, 'Muted'), ...refusals() },
})

const unmuteConversationRoute = createRoute({
  ...action,
  method: 'delete',
  path: '/{id}/mute-conversation',
  summary: 'Unmute the conversation that a tweet is in',
  description: 'Again does nothing.',
  request: { params },
  responses: { 200: json(muteConversationAnswer, 'No longer muted'), ...refusals() },
})

const retweetRoute = createRoute({
  ...action,
  method: 'post',
  path: '/{id}/retweet',
  summary: 'Retweet a tweet, or quote it',
  description:
    'With a comment it makes a quote tweet, as often as one likes. Without one, again does nothing; a private ' +
    'account’s tweets can be retweeted by itself alone.',
  request: {
    params,
    headers: idempotencyHeader,
    body: { required: false, content: { 'application/json': { schema: retweetRequest } } },
  },
  responses: {
    200: json(retweetAnswer, 'Retweeted'),
    201: json(tweet, 'The quote tweet'),
    ...refusals('forbidden', 'blocked', 'idempotency_conflict', 'rate_limited'),
  },
})

const undoRetweetRoute = createRoute({
  ...action,
  method: 'delete',
  path: '/{id}/retweet',
  summary: 'Undo a retweet',
  description: 'Quotes stay. Again does nothing.',
  request: { params },
  responses: { 200: json(retweetAnswer, 'No longer retweeted'), ...refusals() },
})

const voteRoute = createRoute({
  ...action,
  method: 'post',
  path: '/{id}/poll/votes',
  summary: 'Vote in a poll',
  description: 'Once, while it is open. The same vote again does nothing.',
  request: { params, body: { required: true, content: { 'application/json': { schema: voteRequest } } } },
  responses: {
    200: json(poll, 'The poll with the vote'),
    ...refusals('poll_not_found', 'already_voted', 'poll_closed'),
  },
})

/** Under `/api/tweets`: what one does to a tweet. */
export function engagementRoutes() {
  const routes = createRouter()

  routes.openapi(likeRoute, async (c) => {
    const like_count = await likeTweet(c.var.deps, c.var.viewer, c.req.valid('param').id)
    return c.json({ message: 'Tweet liked' as const, is_liked: true, like_count }, 200)
  })

  routes.openapi(unlikeRoute, async (c) => {
    const like_count = await unlikeTweet(c.var.deps, c.var.viewer, c.req.valid('param').id)
    return c.json({ message: 'Tweet unliked' as const, is_liked: false, like_count }, 200)
  })

  routes.openapi(bookmarkRoute, async (c) => {
    await bookmarkTweet(c.var.deps, c.var.viewer, c.req.valid('param').id)
    return c.json({ message: 'Tweet bookmarked' as const, is_bookmarked: true }, 200)
  })

  routes.openapi(removeBookmarkRoute, async (c) => {
    await removeBookmark(c.var.deps, c.var.viewer, c.req.valid('param').id)
    return c.json({ message: 'Bookmark removed' as const, is_bookmarked: false }, 200)
  })

  routes.openapi(muteConversationRoute, async (c) => {
    await muteConversation(c.var.deps, c.var.viewer, c.req.valid('param').id)
    return c.json({ message: 'Conversation muted' as const, is_muted: true }, 200)
  })

  routes.openapi(unmuteConversationRoute, async (c) => {
    await unmuteConversation(c.var.deps, c.var.viewer, c.req.valid('param').id)
    return c.json({ message: 'Conversation unmuted' as const, is_muted: false }, 200)
  })

  routes.openapi(retweetRoute, async (c) => {
    const { deps, viewer } = c.var
    const { id } = c.req.valid('param')
    const { comment } = c.req.valid('json')
    if (typeof comment === 'string' && !isBlank(comment)) {
      const idempotencyKey = c.req.valid('header')['idempotency-key'] ?? null
      return c.json(await quote(deps, viewer, id, comment, idempotencyKey), 201)
    }
    const retweet_count = await retweetTweet(deps, viewer, id)
    return c.json({ message: 'Tweet retweeted' as const, is_retweeted: true, retweet_count }, 200)
  })

  routes.openapi(undoRetweetRoute, async (c) => {
    const retweet_count = await undoRetweet(c.var.deps, c.var.viewer, c.req.valid('param').id)
    return c.json({ message: 'Retweet removed' as const, is_retweeted: false, retweet_count }, 200)
  })

  routes.openapi(voteRoute, async (c) => {
    const [position] = c.req.valid('json').choices
    return c.json(await voteInPoll(c.var.deps, c.var.viewer, c.req.valid('param').id, position), 200)
  })

  return routes
}

function quote(deps: Deps, viewer: Viewer, quoted: TweetId, comment: string, idempotencyKey: string | null) {
  return publishTweet(deps, viewer, {
    content: comment,
    isSensitive: false,
    replyToId: null,
    quoteTweetId: quoted,
    poll: null,
    idempotencyKey,
  })
}
