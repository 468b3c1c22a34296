import { z } from '@hono/zod-openapi'

/** Longer than any of ours. */
const TOKEN_LENGTH_MAX = 2_048

export const archiveQuery = z.object({
  token: z.string().max(TOKEN_LENGTH_MAX).openapi({ description: 'As the link of the export has it' }),
})

export const dataExport = z
  .object({
    state: z.enum(['none', 'pending', 'ready', 'failed']),
    requested_at: z.string().nullable(),
    expires_at: z
      .string()
      .nullable()
      .openapi({ description: 'When the archive goes; null unless it is ready' }),
    bytes: z.number().int().nullable(),
    url: z.string().nullable().openapi({
      description: 'Whoever has this link can download the archive until it expires; null unless it is ready',
      example: 'https://warbler.example/api/export/archive?token=eyJhbGciOiJIUzI1NiJ9...',
    }),
  })
  .openapi('DataExport')
export type DataExport = z.infer<typeof dataExport>
