import type { Change, Example } from './examples.ts'
import type { JsonSchema, Operation } from './operations.ts'

/** A request that is to be refused. */
export interface Attack {
  what: string
  change: Change
  /** Any 4xx where it is not given. */
  status?: number
}

const MEGABYTE = 1_000_000
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)

/** Bodies that no route takes; for a route that must have one also none at all. */
export function brokenBodies({ method, requestBody }: Operation): Attack[] {
  if (method === 'GET') return []
  const text = (body: string, status: number): Attack => ({
    what: `body ${body.slice(0, 20)}`,
    change: { body },
    status,
  })
  const typed = (type: string): Attack => ({
    what: `content type ${type}`,
    change: { body: '{}', headers: { 'content-type': type } },
    status: 415,
  })
  if (requestBody === undefined) return [typed('text/plain'), text(JSON.stringify('x'.repeat(MEGABYTE)), 413)]
  return [
    ...(requestBody.required ? [{ what: 'no body', change: { body: undefined }, status: 400 }] : []),
    ...['null', '[]', '[{}]', '7', '"text"', 'true', nested(10_000), nested(100_000)].map((body) =>
      text(body, 400),
    ),
    ...['', ' ', '{', '{"a":', '{"a":1}}', '{a:1}', '\u0000', 'NaN'].map((body) => text(body, 400)),
    ...['x', '{}'].map((text) => text.padEnd(MEGABYTE)).map((body) => text(body, 413)),
    ...[
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/jsonp',
    ].map(typed),
  ]
}

const WRONG_VALUES = {
  string: ['not this'],
  integer: [7],
  number: [1.5],
  boolean: [true],
  null: [null],
  array: [['x'], JSON.parse(nested(1_000))],
  object: [{}, { $ne: '' }, { length: 1 }],
}
const WRONG_IDS = [0, -1, 1.5, 2 ** 53, 1e30, -1e-7]

/** The example's body with one field of a type that it does not have. */
export function brokenFields({ fields }: Operation, { body }: Example): Attack[] {
  const attack = (name: string, value: unknown): Attack => ({
    what: `${name}: ${JSON.stringify(value).slice(0, 20)}`,
    change: { body: { ...body, [name]: value } },
    status: 400,
  })
  return Object.entries(fields ?? {}).flatMap(([name, schema]) => {
    const types = typesOf(name, schema)
    const wrong = Object.entries(WRONG_VALUES).flatMap(([type, values]) =>
      types.includes(type) ? [] : values,
    )
    const ids = schema.format === 'int64' ? WRONG_IDS : []
    return [...wrong, ...ids].map((value) => attack(name, value))
  })
}

/** What a field may be. One that refers to a schema of its own is an object, and absent where it is null. */
function typesOf(name: string, { type, $ref }: JsonSchema): unknown[] {
  if ($ref !== undefined) return ['object', 'null']
  if (type === undefined) throw new Error(`The field ${name} has no type in the OpenAPI document`)
  return Array.isArray(type) ? type : [type]
}

const IMPOSSIBLE_IDS = [
  ...['0', '-1', '1.5', '1e30', '9007199254740992', '9'.repeat(40), '0x10', '1_000', '+5', '%201'],
  ...[
    '%00',
    '%F0%9F%90%A6',
    '%E0%A4%A',
    '%D9%A1',
    '@',
    '@%00',
    '@a-b',
    '%40',
    'x',
    'null',
    'undefined',
    'NaN',
  ],
  ...['..%2f..%2fauth', '%3Cscript%3E', "1'%20or%20'1'='1", 'a'.repeat(5_000), '[object%20Object]'],
]

/** Ids in the path that nothing has, and texts that cannot be ids. */
export function brokenIds({ parameters }: Operation, { missing = [], missingUsers = [] }: Example): Attack[] {
  const nothing = { id: missing, userId: missingUsers }
  return (['id', 'userId'] as const)
    .filter((name) => parameters.some((parameter) => parameter.in === 'path' && parameter.name === name))
    .flatMap((name) => [
      ...nothing[name].map((id) => ({ what: `missing ${name} ${id}`, change: { [name]: id }, status: 404 })),
      ...IMPOSSIBLE_IDS.map((id) => ({ what: `${name} ${id.slice(0, 20)}`, change: { [name]: id } })),
    ])
}

const IMPOSSIBLE_LIMITS = [
  '0',
  '-1',
  '101',
  '1.5',
  '1e2',
  '1e400',
  '9'.repeat(40),
  'all',
  '',
  '%00',
  '%F0%9F%90%A6',
  '1&limit=2',
]
const IMPOSSIBLE_OFFSETS = ['-1', '1.5', '10001', '1e30', '9'.repeat(40), 'x', '', '%00', '0&offset=0']

/** Pages that no list has, for a route that answers pages. `next` is one of its own cursors, `others` are other lists'. */
export function brokenPages(next: string, others: string[]): Attack[] {
  const kind = kindOf(next)
  const forged = [[], [null], ['x'], [-1], [0], [1.5], [2 ** 53], [{}], [['1']], ['1', '1'], [1, 1, 1]]
  const cursors = [
    ...['', 'x', '%00', '%F0%9F%90%A6', 'A'.repeat(400), 'A'.repeat(2_000), `${next}A`, next.slice(0, -4)],
    ...['null', '[]', '{}', '[1]', `[2,"${kind}",1]`].map((json) => base64(json)),
    ...others,
    ...forged.map((parts) => base64(JSON.stringify([1, kind, ...parts]))),
  ]
  return [
    ...IMPOSSIBLE_LIMITS.map((limit) => `limit=${limit}`),
    ...IMPOSSIBLE_OFFSETS.map((offset) => `offset=${offset}`),
    ...cursors.map((cursor) => `cursor=${cursor}`),
    `cursor=${next}&offset=0`,
    `cursor=${next}&cursor=${next}`,
    `cursor[]=${next}&limit[]=1&limit=-1`,
  ].map((query) => ({ what: `?${query.slice(0, 60)}`, change: { query }, status: 400 }))
}

/** The list that a cursor belongs to, as it is written in it. */
function kindOf(cursor: string): string {
  const value: unknown = JSON.parse(atob(cursor.replaceAll('-', '+').replaceAll('_', '/')))
  return Array.isArray(value) ? String(value[1]) : ''
}

function base64(json: string): string {
  return btoa(json).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** Parameters of the query and of the headers with a value that no schema of ours takes. */
export function brokenParameters({ parameters }: Operation): Attack[] {
  return parameters.flatMap(({ name, in: where, schema }): Attack[] => {
    const what = `${where} ${name}`
    if (where === 'header') return [{ what, change: { headers: { [name]: 'a b' } }, status: 400 }]
    if (where === 'query' && 'enum' in schema)
      return [{ what, change: { query: `${name}=a+b` }, status: 400 }]
    return []
  })
}

const STRANGE_TEXTS = [
  ...[
    'nul\u0000l',
    '\ud800',
    '\udc00\ud800',
    '\u202e\u2066',
    '\ufffe\uffff',
    '\u200b',
    ' \n\t\r\v\f',
    '\ufeff',
  ],
  ...[
    '\u0301'.repeat(2_000),
    '🐦'.repeat(5_000),
    'x'.repeat(200_000),
    '#'.repeat(9_000),
    '@a '.repeat(3_000),
  ],
  ...["'; drop table users; --", '%s%n%00', '\\u0000', '\\', '"', '<script>', '__proto__', '-1', '1e999'],
]

/** Where a hash is computed for each request, only the strangest. */
const TEXTS_WITH_PASSWORD = 5

/** Bodies of the right types with texts that something behind the route may stumble over. */
export function strangeTexts({ fields }: Operation, { body }: Example): Change[] {
  const hashes = Object.values(fields ?? {}).some(({ format }) => format === 'password')
  const texts = hashes ? STRANGE_TEXTS.slice(0, TEXTS_WITH_PASSWORD) : STRANGE_TEXTS
  return Object.keys(fields ?? {}).flatMap((name) =>
    texts.map((text) => ({ body: { ...body, [name]: text } })),
  )
}
