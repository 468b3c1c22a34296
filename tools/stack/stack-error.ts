/** The stack cannot run as asked; the message is one sentence that says what to do about it. */
export class StackError extends Error {
  override readonly name = 'StackError'
}

/**
 * The message of anything thrown; for an aggregate (a refused connection tried on several addresses) the first, for a
 * failed fetch its cause.
 */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return messageOf(error.errors[0])
  if (error instanceof TypeError && error.cause instanceof Error) return messageOf(error.cause)
  return error instanceof Error ? error.message : String(error)
}

/** The `code` of a system or database error (`ENOENT`, `3D000`), if it has one. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
