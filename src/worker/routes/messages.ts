import { createRoute, z } from '@hono/zod-openapi'
import { messageIdParam, type PageQuery, pageQuery, userRefParam } from '../../contracts/http/common.ts'
import {
  type ConversationPage,
  conversationPage,
  message,
  messagePage,
  newMessageRequest,
  readMessagesRequest,
  unreadMessages,
} from '../../contracts/http/messages.ts'
import type { Deps, Viewer } from '../../services/deps.ts'
import { hideMessage } from '../../services/hide-message.ts'
import { listConversations } from '../../services/list-conversations.ts'
import { listMessages } from '../../services/list-messages.ts'
import { markMessagesRead } from '../../services/mark-messages-read.ts'
import { sendMessage } from '../../services/send-message.ts'
import { createRouter } from '../context.ts'
import { entryBefore, paginationOf } from '../entry-pages.ts'
import { idempotencyHeader } from '../idempotency-header.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { readPage } from '../read-page.ts'
import { json, problems, withAccessToken } from './answers.ts'

const MESSAGES_CURSOR = 'messages'

const tags = ['messages']
const params = z.object({ userId: userRefParam })
/** What every route of one's own has in common. */
const own = { tags, security: withAccessToken, middleware: signedIn }

const conversationsResponses = {
  200: json(conversationPage, 'A page of conversations'),
  ...problems('validation_failed', 'invalid_cursor', 'offset_too_large', 'unauthenticated', 'token_expired'),
}

const conversationsRoute = createRoute({
  ...own,
  method: 'get',
  path: '/',
  summary: 'One’s conversations',
  description:
    'The newest message first; without requests, and without those with somebody who cannot be seen.',
  request: { query: pageQuery },
  responses: conversationsResponses,
})

const requestsRoute = createRoute({
  ...own,
  method: 'get',
  path: '/requests',
  summary: 'Conversations that strangers began',
  description: 'They wait here until they are accepted, or answered.',
  request: { query: pageQuery },
  responses: conversationsResponses,
})

const messagesRoute = createRoute({
  ...own,
  method: 'get',
  path: '/{userId}',
  summary: 'What one and another wrote to each other',
  description: 'Newest first. Marks nothing as read. With somebody who cannot be seen it is empty.',
  request: { params, query: pageQuery },
  responses: {
    200: json(messagePage, 'A page of messages'),
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

const sendRoute = createRoute({
  ...own,
  method: 'post',
  path: '/{userId}',
  summary: 'Send a message',
  description:
    'A conversation that the receiver has accepted goes on. Who may begin one is the receiver’s setting: those whom they ' +
    'follow are accepted at once, others wait among their requests.',
  request: {
    params,
    headers: idempotencyHeader,
    body: { required: true, content: { 'application/json': { schema: newMessageRequest } } },
  },
  responses: {
    201: json(message, 'The message'),
    ...problems(
      'validation_failed',
      'cannot_message_self',
      'unauthenticated',
      'token_expired',
      'forbidden',
      'suspended',
      'blocked',
      'user_not_found',
      'message_not_found',
      'idempotency_conflict',
      'rate_limited',
    ),
  },
})

const readRoute = createRoute({
  ...own,
  method: 'put',
  path: '/{userId}/read',
  summary: 'Say how far one has read',
  description: 'The sender is told. Of a request nothing is marked as read, and nobody is told.',
  request: {
    params,
    body: { required: true, content: { 'application/json': { schema: readMessagesRequest } } },
  },
  responses: {
    200: json(unreadMessages, 'What is left unread'),
    ...problems('validation_failed', 'unauthenticated', 'token_expired', 'suspended', 'user_not_found'),
  },
})

const hideRoute = createRoute({
  ...own,
  method: 'delete',
  path: '/{userId}/{id}',
  summary: 'Delete a message for oneself',
  description:
    'The other one keeps it. Again does nothing, until both have deleted it: then it is not found.',
  request: { params: z.object({ userId: userRefParam, id: messageIdParam }) },
  responses: {
    204: { description: 'Deleted' },
    ...problems(
      'validation_failed',
      'unauthenticated',
      'token_expired',
      'suspended',
      'user_not_found',
      'message_not_found',
    ),
  },
})

/** Under `/api/messages`: conversations. After the routes of settings and requests, whose names stand where users do. */
export function messageRoutes() {
  const routes = createRouter()

  routes.openapi(conversationsRoute, async (c) =>
    c.json(await readList(c.var, 'accepted', c.req.valid('query')), 200),
  )

  routes.openapi(requestsRoute, async (c) =>
    c.json(await readList(c.var, 'requests', c.req.valid('query')), 200),
  )

  routes.openapi(messagesRoute, async (c) => {
    const asked = readPage(c.req.valid('query'), MESSAGES_CURSOR)
    const page = { limit: asked.limit, offset: asked.offset, after: entryBefore(asked) }
    const { userId } = c.req.valid('param')
    const { messages, nextAfter } = await listMessages(c.var.deps, c.var.viewer, userId, page)
    return c.json({ messages, pagination: paginationOf(asked, MESSAGES_CURSOR, nextAfter) }, 200)
  })

  routes.openapi(sendRoute, async (c) => {
    const idempotencyKey = c.req.valid('header')['idempotency-key'] ?? null
    const draft = {
      receiver: c.req.valid('param').userId,
      content: c.req.valid('json').content,
      idempotencyKey,
    }
    return c.json(await sendMessage(c.var.deps, c.var.viewer, draft), 201)
  })

  routes.openapi(readRoute, async (c) => {
    const { deps, viewer } = c.var
    const upTo = c.req.valid('json').up_to_id
    return c.json(
      { unread_count: await markMessagesRead(deps, viewer, c.req.valid('param').userId, upTo) },
      200,
    )
  })

  routes.openapi(hideRoute, async (c) => {
    const { userId, id } = c.req.valid('param')
    await hideMessage(c.var.deps, c.var.viewer, userId, id)
    return c.body(null, 204)
  })

  return routes
}

async function readList(
  { deps, viewer }: { deps: Deps; viewer: Viewer },
  kind: 'accepted' | 'requests',
  query: PageQuery,
): Promise<ConversationPage> {
  const cursor = `conversations-${kind}`
  const asked = readPage(query, cursor)
  const page = { limit: asked.limit, offset: asked.offset, after: entryBefore(asked) }
  const { conversations, nextAfter } = await listConversations(deps, viewer, kind, page)
  return { conversations, pagination: paginationOf(asked, cursor, nextAfter) }
}
