import { createRoute, type RouteConfig, z } from '@hono/zod-openapi'
import {
  mutedWordAnswer,
  mutedWordIdParam,
  mutedWordList,
  mutedWordRequest,
} from '../../contracts/http/muted-words.ts'
import { listMutedWords } from '../../services/list-muted-words.ts'
import { muteWord, unmuteWord } from '../../services/mute-word.ts'
import { presentMutedWord } from '../../views/present-muted-word.ts'
import { createRouter } from '../context.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { json, problems, withAccessToken } from './answers.ts'

const own = {
  tags: ['muted words'],
  security: withAccessToken,
  middleware: [signedIn] as const,
} satisfies Partial<RouteConfig>

const listRoute = createRoute({
  ...own,
  method: 'get',
  path: '/',
  summary: 'What one mutes',
  description: 'All of it, at most 200, newest first; without what has expired.',
  responses: { 200: json(mutedWordList, 'Muted words'), ...problems('unauthenticated', 'token_expired') },
})

const muteRoute = createRoute({
  ...own,
  method: 'post',
  path: '/',
  summary: 'Mute a word or a phrase',
  description:
    'Tweets that hold it no longer stand on one’s home timeline, but for one’s own, and cause no notifications. One that is ' +
    'muted already gets the new expiry.',
  request: { body: { required: true, content: { 'application/json': { schema: mutedWordRequest } } } },
  responses: {
    200: json(mutedWordAnswer, 'Muted already'),
    201: json(mutedWordAnswer, 'Muted'),
    ...problems('validation_failed', 'unauthenticated', 'token_expired', 'suspended', 'too_many_muted_words'),
  },
})

const unmuteRoute = createRoute({
  ...own,
  method: 'delete',
  path: '/{id}',
  summary: 'Unmute a word or a phrase',
  request: { params: z.object({ id: mutedWordIdParam }) },
  responses: {
    204: { description: 'No longer muted' },
    ...problems('validation_failed', 'unauthenticated', 'token_expired', 'suspended', 'muted_word_not_found'),
  },
})

/** Under `/api/muted-words`: what one does not want to see. */
export function mutedWordRoutes() {
  const routes = createRouter()

  routes.openapi(listRoute, async (c) => {
    const words = await listMutedWords(c.var.deps, c.var.viewer)
    return c.json({ muted_words: words.map(presentMutedWord) }, 200)
  })

  routes.openapi(muteRoute, async (c) => {
    const { phrase, expires_at } = c.req.valid('json')
    const expiresAtMs = expires_at == null ? null : Date.parse(expires_at)
    const { word, isNew } = await muteWord(c.var.deps, c.var.viewer, { phrase, expiresAtMs })
    return c.json(presentMutedWord(word), isNew ? 201 : 200)
  })

  routes.openapi(unmuteRoute, async (c) => {
    await unmuteWord(c.var.deps, c.var.viewer, c.req.valid('param').id)
    return c.body(null, 204)
  })

  return routes
}
