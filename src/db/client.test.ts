import { sql } from 'drizzle-orm'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { brokenConstraint, connect, isUnavailable, query, sqlState, transaction } from './client.ts'

const db = connect({ url: 'postgres://ada:secret@db.example/warbler', endpoint: 'http://database.test/sql' })

type Answer = Response | Error | (() => Promise<Response>)

/** What the driver is answered, in turn, the last for good; and what it sent. */
function endpointAnswers(...answers: [Answer, ...Answer[]]) {
  const sent: unknown[] = []
  vi.stubGlobal('fetch', async (_url: string, init: RequestInit) => {
    sent.push(JSON.parse(String(init.body)))
    const answer = answers[Math.min(sent.length, answers.length) - 1]
    if (typeof answer === 'function') return answer()
    if (answer instanceof Error) throw answer
    return answer?.clone()
  })
  return sent
}

afterEach(() => {
  vi.unstubAllGlobals()
})

const result = (...rows: string[][]) => ({
  command: 'SELECT',
  rowCount: rows.length,
  fields: [{ name: 'word', dataTypeID: 25 }],
  rows,
  rowAsArray: true,
})
const success = (...rows: string[][]) => Response.json(result(...rows))
/** Postgres' complaint about a statement, as Neon answers it. */
const complaint = (code: string, more: object = {}) =>
  Response.json({ message: `complaint ${code}`, code, severity: 'ERROR', ...more }, { status: 400 })

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => {
      throw new Error('It did not fail')
    },
    (error: unknown) => error,
  )
}

const ask = () => query(db, sql`select ${'a secret parameter'} as word`)
const askInTransaction = () =>
  transaction(db, { before: [sql`select 1`], main: sql`select ${'a secret parameter'}` })

describe.each([
  ['a statement', ask],
  ['a transaction', askInTransaction],
])('%s that fails', (_name, run) => {
  it('tells its state and the constraint that it broke', async () => {
    endpointAnswers(
      complaint('23505', { constraint: 'users_email_unique', detail: 'Key (email)=(…) exists' }),
    )
    const error = await failureOf(run())
    expect(sqlState(error)).toBe('23505')
    expect(brokenConstraint(error)).toBe('users_email_unique')
    expect(isUnavailable(error)).toBe(false)
  })

  it.each(['23503', '22P02', '42601', '40002', 'P0001', '28P01'])(
    'is not the database’s fault: %s',
    async (code) => {
      const sent = endpointAnswers(complaint(code))
      const error = await failureOf(run())
      expect([sqlState(error), brokenConstraint(error), isUnavailable(error)]).toEqual([code, null, false])
      expect(sent).toHaveLength(1)
    },
  )

  it.each(['08006', '53300', '57014', '57P01', '57P03', '55P03'])(
    'could not be done now: %s',
    async (code) => {
      const sent = endpointAnswers(complaint(code))
      const error = await failureOf(run())
      expect([sqlState(error), isUnavailable(error)]).toEqual([code, true])
      expect(sent).toHaveLength(1)
    },
  )

  it.each<[string, Answer]>([
    ['no connection', new TypeError('Network connection lost.')],
    ['no answer in time', new DOMException('The operation timed out.', 'TimeoutError')],
    ['a server error', new Response('upstream away', { status: 503 })],
    ['a gateway that answers HTML', new Response('<html>', { status: 502 })],
    ['an answer that breaks off', async () => new Response(breakingOff())],
    ['a complaint that breaks off', async () => new Response(breakingOff(), { status: 400 })],
  ])('may have been done, and is not sent again: %s', async (_what, answer) => {
    const sent = endpointAnswers(answer)
    const error = await failureOf(run())
    expect([sqlState(error), brokenConstraint(error), isUnavailable(error)]).toEqual([null, null, true])
    expect(sent).toHaveLength(1)
  })

  it.each(['40001', '40P01'])(
    'is tried three times after a conflict, and then is unavailable: %s',
    async (code) => {
      const sent = endpointAnswers(complaint(code))
      const error = await failureOf(run())
      expect([sqlState(error), isUnavailable(error)]).toEqual([code, true])
      expect(sent).toHaveLength(3)
    },
  )

  it('shows no parameter, which might be somebody’s, in what is logged', async () => {
    endpointAnswers(complaint('23514'))
    const error = await failureOf(run())
    for (let at = error; at instanceof Error; at = at.cause) {
      expect(`${at.message} ${at.stack}`).not.toContain('a secret parameter')
      expect(`${at.message} ${at.stack}`).not.toContain('ada:secret')
    }
  })
})

/** As a connection that is lost in the middle of an answer. */
function breakingOff(): ReadableStream {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"rows":'))
    },
    pull(controller) {
      controller.error(new TypeError('terminated'))
    },
  })
}

describe('a statement', () => {
  it('answers its rows', async () => {
    const sent = endpointAnswers(success(['bird'], ['song']))
    expect(await ask()).toEqual([{ word: 'bird' }, { word: 'song' }])
    expect(sent).toMatchObject([{ params: ['a secret parameter'] }])
  })

  it('is answered after a conflict that does not repeat itself', async () => {
    const sent = endpointAnswers(complaint('40001'), complaint('40P01'), success(['bird']))
    expect(await ask()).toEqual([{ word: 'bird' }])
    expect(sent).toHaveLength(3)
  })
})

describe('several databases', () => {
  it('are each asked where they are, whichever was connected to last', async () => {
    const asked: unknown[] = []
    vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
      const named = new URL(new Headers(init.headers).get('neon-connection-string') ?? '')
      asked.push([url, named.host + named.pathname, 'route' in init])
      return success(['bird'])
    })
    const urlOf = (host: string) => `postgres://ada:secret@${host}/warbler`
    const one = connect({ url: urlOf('db.example'), endpoint: 'http://one.test/sql' })
    const two = connect({ url: urlOf('db.example'), endpoint: 'http://two.test/sql' })
    const neon = connect({ url: urlOf('ep-1.eu.neon.example'), endpoint: '' })
    await Promise.all([one, two, neon, one].map((each) => query(each, sql`select 1`)))
    await transaction(two, { main: sql`select 1` }).catch(() => {})
    expect(asked).toEqual([
      ['http://one.test/sql', 'db.example/warbler', false],
      ['http://two.test/sql', 'db.example/warbler', false],
      ['https://api.eu.neon.example/sql', 'ep-1.eu.neon.example/warbler', false],
      ['http://one.test/sql', 'db.example/warbler', false],
      ['http://two.test/sql', 'db.example/warbler', false],
    ])
  })

  it('are waited for each as long as is said', async () => {
    vi.stubGlobal(
      'fetch',
      (_url: string, { signal }: RequestInit) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason))
        }),
    )
    const hasty = connect({ url: 'postgres://ada:secret@db.example/warbler', endpoint: '', timeoutMs: 20 })
    const error = await failureOf(query(hasty, sql`select 1`))
    expect(isUnavailable(error)).toBe(true)
  })
})

describe('a transaction', () => {
  const queries = z.tuple([z.object({ queries: z.array(z.object({ query: z.string() })) })])
  const textsOf = (sent: unknown[]) => queries.parse(sent)[0].queries.map(({ query }) => query)

  it('is one request, and answers the rows of its main statement', async () => {
    const sent = endpointAnswers(
      Response.json({ results: [result(['lock']), result(['bird']), result(['after'])] }),
    )
    const rows = await transaction(db, {
      before: [null, sql`select 'lock'`],
      main: sql`select 'bird'`,
      after: [sql`select 'after'`, null],
    })
    expect(rows).toEqual([{ word: 'bird' }])
    expect(textsOf(sent)).toEqual(["select 'lock'", "select 'bird'", "select 'after'"])
  })

  it('of a single statement is that statement', async () => {
    const sent = endpointAnswers(success(['bird']))
    const rows = await transaction(db, { before: [null], main: sql`select 'bird'`, after: [null] })
    expect(rows).toEqual([{ word: 'bird' }])
    expect(sent).toMatchObject([{ query: "select 'bird'" }])
  })
})

it('says nothing of errors that are not the database’s', () => {
  for (const error of [
    new Error('x'),
    new TypeError('x'),
    null,
    undefined,
    'x',
    { code: '23505' },
    codedError('ENOENT'),
  ]) {
    expect([sqlState(error), brokenConstraint(error), isUnavailable(error)]).toEqual([null, null, false])
  }
})

function codedError(code: string): Error {
  return Object.assign(new Error('x'), { code })
}
