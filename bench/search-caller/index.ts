import { Hono } from 'hono'
import type { Search } from '../../src/search/index.ts'
import type { Bare } from '../search-bare/index.ts'

/** The bindings of bench/search-caller/wrangler.toml. */
interface CallerEnv {
  SEARCH: Service<typeof Search>
  BARE: Service<typeof Bare>
  SEARCH_DB_0: D1Database
  SEARCH_DB_1: D1Database
}

interface Statement {
  sql: string
  binds: (string | number)[]
}

const app = new Hono<{ Bindings: CallerEnv }>()

app.post('/index', async (c) => {
  await c.env.SEARCH.index(await c.req.json())
  return c.body(null, 204)
})

app.post('/tweets', async (c) => c.json(await c.env.SEARCH.searchTweets(await c.req.json())))

app.post('/users', async (c) => c.json(await c.env.SEARCH.searchUsers(await c.req.json())))

/** One statement, by the same hop as a search. */
app.post('/bare', async (c) => {
  const { sql, binds } = await c.req.json<Statement>()
  return c.json(await c.env.BARE.ask(sql, binds))
})

/** One statement on this Worker's own binding: without the hop. */
app.post('/sql', async (c) => {
  const { sql, binds } = await c.req.json<Statement>()
  const { results } = await c.env.SEARCH_DB_0.prepare(sql)
    .bind(...binds)
    .run()
  return c.json(results)
})

/** Makes the files of the databases. */
app.post('/touch', async (c) => {
  await c.env.SEARCH_DB_0.exec('create table if not exists bench_mark (id integer)')
  await c.env.SEARCH_DB_1.exec('create table if not exists bench_other (id integer)')
  return c.body(null, 204)
})

export default app
