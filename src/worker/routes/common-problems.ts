import { PROBLEMS, type ProblemCode } from '../../domain/errors.ts'

/** What stands before a handler answers these in its place; and anything may fail. */
const ANYWHERE: ProblemCode[] = [
  'unauthenticated',
  'token_expired',
  'rate_limited',
  'internal',
  'unavailable',
]
const WHERE_BODIES_ARE_LOOKED_AT: ProblemCode[] = ['payload_too_large', 'unsupported_media_type']
const WITH_BODY: ProblemCode[] = ['malformed_json']
/** These stand before all that refuses. */
const SERVICE_TAG = 'service'

interface Operation {
  tags?: string[]
  requestBody?: unknown
  responses?: Record<string, { description?: string }>
}

/** The responses of an operation of the OpenAPI document, with the problems that are none of its own doing. */
export function withCommonProblems(
  method: string,
  { tags = [], requestBody, responses = {} }: Operation,
): Record<string, unknown> {
  const all = { ...responses }
  for (const code of commonTo(method, tags.includes(SERVICE_TAG), requestBody !== undefined)) {
    const [status, title] = PROBLEMS[code]
    const told = `\`${code}\`: ${title}`
    const known = all[status]
    if (known === undefined) all[status] = { description: told, ...problemContent }
    else if (known.description?.includes(`\`${code}\``) === false)
      all[status] = { ...known, description: `${known.description}. ${told}` }
  }
  return all
}

const problemContent = {
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
}

function commonTo(method: string, isService: boolean, hasBody: boolean): ProblemCode[] {
  if (isService) return ['internal']
  return [...ANYWHERE, ...(method === 'get' ? [] : WHERE_BODIES_ARE_LOOKED_AT), ...(hasBody ? WITH_BODY : [])]
}
