import { createMiddleware } from 'hono/factory'
import { AppError } from '../../domain/errors.ts'
import { authenticateViewer } from '../../services/authenticate-viewer.ts'
import type { Deps, Viewer } from '../../services/deps.ts'
import type { AppEnv } from '../context.ts'

const BEARER = /^Bearer +([\w-]+\.[\w-]+\.[\w-]+) *$/i

/**
 * Sets the viewer whom the `Authorization` header names, and null when there is no such header. A token that
 * is given must be good, even where none is needed: otherwise its owner would be served as a stranger.
 */
export const authenticate = createMiddleware<AppEnv>(async (c, next) => {
  const header = c.req.header('authorization')
  c.set('viewer', header === undefined ? null : await viewerOf(c.get('deps'), header))
  await next()
})

function viewerOf(deps: Deps, header: string): Promise<Viewer> {
  const token = BEARER.exec(header)?.[1]
  if (token === undefined) throw new AppError('unauthenticated')
  return deps.timed('auth', () => authenticateViewer(deps, token))
}

/** Refuses who is signed out: behind it a handler's viewer is never null. */
export const signedIn = createMiddleware<{ Variables: { viewer: Viewer } }>(async (c, next) => {
  const viewer: Viewer | null = c.get('viewer')
  if (viewer === null) throw new AppError('unauthenticated')
  await next()
})
