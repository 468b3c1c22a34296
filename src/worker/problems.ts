import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { Problem } from '../contracts/http/common.ts'
import { isUnavailable } from '../db/client.ts'
import { AppError, PROBLEMS } from '../domain/errors.ts'
import type { AppEnv } from './context.ts'
import { ConfigurationError } from './env.ts'

const UNAVAILABLE_RETRY_SECONDS = 2

/** The one place where failures become answers: RFC 9457 problem documents. */
export function answerProblem(error: Error, c: Context<AppEnv>): Response {
  const expected = toAppError(error)
  if (expected.status >= 500) c.var.log?.error('request_failed', { code: expected.code, error })
  return problemResponse(expected, c.var.requestId ?? '')
}

export function problemResponse(error: AppError, requestId: string): Response {
  const body: Problem = {
    type: `https://warbler.example/problems/${error.code}`,
    title: PROBLEMS[error.code][1],
    status: error.status,
    code: error.code,
    request_id: requestId,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    ...(error.errors === undefined ? {} : { errors: error.errors }),
  }
  const headers = new Headers({ 'content-type': 'application/problem+json', 'x-request-id': requestId })
  if (error.retryAfterSeconds !== undefined) headers.set('retry-after', String(error.retryAfterSeconds))
  if (error.status === 401) headers.set('www-authenticate', 'Bearer')
  return new Response(JSON.stringify(body), { status: error.status, headers })
}

function toAppError(error: Error): AppError {
  if (error instanceof AppError) return error
  if (error instanceof HTTPException) return fromHttpException(error)
  if (error instanceof ConfigurationError) return new AppError('internal', { cause: error })
  if (isUnavailable(error)) {
    return new AppError('unavailable', { retryAfterSeconds: UNAVAILABLE_RETRY_SECONDS, cause: error })
  }
  return new AppError('internal', { cause: error })
}

/** What the framework itself refuses: a body that is not JSON, or too large. */
function fromHttpException(error: HTTPException): AppError {
  if (error.status === 413) return new AppError('payload_too_large')
  if (error.status === 415) return new AppError('unsupported_media_type')
  if (error.status === 400) return new AppError('malformed_json')
  return new AppError('internal', { cause: error })
}
