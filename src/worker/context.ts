import { OpenAPIHono } from '@hono/zod-openapi'
import { AppError } from '../domain/errors.ts'
import type { Logger } from '../domain/log.ts'
import type { Deps, Viewer } from '../services/deps.ts'
import type { ServerTiming } from './server-timing.ts'

export interface AppVariables {
  requestId: string
  log: Logger
  timing: ServerTiming
  deps: Deps
  /** Who is asking; null when signed out. Routes behind `signedIn` get it without the null. */
  viewer: Viewer | null
}

export interface AppEnv {
  Bindings: Env
  Variables: AppVariables
}

/** A router whose refused inputs become `validation_failed` problems. */
export function createRouter(): OpenAPIHono<AppEnv> {
  return new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (result.success) return
      const errors = result.error.issues.map((issue) => ({
        path: [result.target, ...issue.path].join('.'),
        message: issue.message,
      }))
      throw new AppError('validation_failed', { errors })
    },
  })
}
