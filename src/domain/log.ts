/** Structured logs: one JSON object a line, `level` and `event` first. */
export type LogFields = Record<string, unknown>

export interface Logger {
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

/** A logger whose lines all carry `context`. Errors among the fields are written with name, message, cause and stack. */
export function createLogger(context: LogFields = {}): Logger {
  const write =
    (level: 'info' | 'warn' | 'error') =>
    (event: string, fields: LogFields = {}) =>
      console[level](JSON.stringify({ level, event, ...context, ...fields }, serializeErrors))
  return { info: write('info'), warn: write('warn'), error: write('error') }
}

function serializeErrors(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value
  return { name: value.name, message: value.message, cause: value.cause, stack: value.stack }
}
