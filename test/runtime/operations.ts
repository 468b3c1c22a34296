import { z } from 'zod'
import { api } from './harness.ts'

const METHODS = ['get', 'post', 'put', 'delete'] as const

const schemaObject = z.record(z.string(), z.unknown())
const described = z.object({
  tags: z.array(z.string()).default([]),
  security: z.array(z.record(z.string(), z.unknown())).default([]),
  parameters: z
    .array(z.object({ name: z.string(), in: z.enum(['path', 'query', 'header']), schema: schemaObject }))
    .default([]),
  requestBody: z
    .object({
      required: z.boolean().default(false),
      content: z.object({ 'application/json': z.object({ schema: schemaObject }) }),
    })
    .optional(),
  responses: z.record(z.string(), z.object({ description: z.string() })),
})

export type JsonSchema = z.infer<typeof schemaObject>

const openApiDocument = z.object({
  paths: z.record(
    z.string(),
    z.object(Object.fromEntries(METHODS.map((name) => [name, described.optional()]))),
  ),
  components: z.object({ schemas: z.record(z.string(), schemaObject) }),
})

/** A route, as the OpenAPI document describes it. */
export interface Operation extends z.infer<typeof described> {
  /** E.g. `GET /api/users/{id}`. */
  name: string
  method: string
  path: string
  /** Of the body's fields; null for a route that takes none. */
  fields: Record<string, JsonSchema> | null
}

/** Every route that the Worker says it has. */
export async function readOperations(): Promise<Operation[]> {
  const { paths, components } = openApiDocument.parse((await api('GET', '/openapi.json')).body)
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([name, operation]) => {
      if (operation === undefined) return []
      const method = name.toUpperCase()
      const body = operation.requestBody?.content['application/json'].schema
      const fields = body === undefined ? null : fieldsOf(body, components.schemas)
      return [{ ...operation, name: `${method} ${path}`, method, path, fields }]
    }),
  )
}

function fieldsOf(schema: JsonSchema, named: Record<string, JsonSchema>): Record<string, JsonSchema> {
  const reference = typeof schema.$ref === 'string' ? schema.$ref.split('/').at(-1) : undefined
  const { properties } = reference === undefined ? schema : (named[reference] ?? {})
  return z.record(z.string(), schemaObject).parse(properties)
}
