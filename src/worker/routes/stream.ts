import { SOCKET_TICKET_HEADER, type SocketTicket } from '../../contracts/timeline.ts'
import { AppError } from '../../domain/errors.ts'
import { authenticateViewer } from '../../services/authenticate-viewer.ts'
import { requireLiveSession } from '../../services/require-live-session.ts'
import { createRouter } from '../context.ts'

const SUBPROTOCOL = 'warbler.v1'
const BEARER_PREFIX = 'bearer.'

/**
 * `GET /api/stream`: upgrades into the reader's own timeline object. The token travels as a subprotocol, because a
 * browser's WebSocket can set no header and a URL would end up in logs.
 */
export function streamRoutes() {
  const routes = createRouter()

  routes.get('/', async (c) => {
    if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') throw new AppError('upgrade_required')
    const protocols = (c.req.header('sec-websocket-protocol') ?? '').split(',').map((name) => name.trim())
    const token = protocols.find((name) => name.startsWith(BEARER_PREFIX))?.slice(BEARER_PREFIX.length)
    if (!protocols.includes(SUBPROTOCOL) || token === undefined) {
      throw new AppError('unauthenticated', {
        detail: `Offer the subprotocols ${SUBPROTOCOL} and ${BEARER_PREFIX}<access token>`,
      })
    }
    const viewer = await authenticateViewer(c.var.deps, token)
    c.set('viewer', viewer)
    await requireLiveSession(c.var.deps, viewer)

    const ticket: SocketTicket = {
      userId: viewer.id,
      sessionId: viewer.sessionId,
      since: c.req.query('since') ?? null,
    }
    const headers = { upgrade: 'websocket', [SOCKET_TICKET_HEADER]: JSON.stringify(ticket) }
    const answer = await c.var.deps.timeline(viewer.id).fetch(new Request(c.req.url, { headers }))
    if (answer.status === 503) throw new AppError('unavailable', { retryAfterSeconds: 2 })
    if (answer.status === 404) throw new AppError('unauthenticated')
    return answer
  })

  return routes
}
