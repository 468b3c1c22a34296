import { DurableObject } from 'cloudflare:workers'
import { neon, neonConfig } from '@neondatabase/serverless'
import { Hono } from 'hono'
import { newTweetId, type UserId } from '../../src/domain/ids.ts'

/** The bindings of bench/bare/wrangler.toml. */
interface BareEnv {
  OBJECTS: DurableObjectNamespace<BareObject>
  DATABASE_URL: string
  /** Empty for Neon's own. */
  DATABASE_ENDPOINT: string
}

/** An object with nothing in it but what a baseline needs. */
export class BareObject extends DurableObject<BareEnv> {
  #page = ''

  constructor(context: DurableObjectState, env: BareEnv) {
    super(context, env)
    context.storage.sql.exec('create table if not exists entries (id integer primary key, card text)')
  }

  /** One row, as a delivery writes one. */
  store(card: string): void {
    this.ctx.storage.sql.exec('insert into entries (card) values (?)', card)
  }

  /** A socket, kept as a timeline keeps one. */
  override fetch(): Response {
    const { 0: client, 1: server } = new WebSocketPair()
    this.ctx.acceptWebSocket(server)
    return new Response(null, { status: 101, webSocket: client })
  }

  echo(text: string): void {
    for (const socket of this.ctx.getWebSockets()) socket.send(text)
  }

  keep(page: string): void {
    this.#page = page
  }

  page(): string {
    return this.#page
  }
}

const app = new Hono<{ Bindings: BareEnv }>()

/** What `GET` of the same path answers. */
app.put('/page/:object', async (c) => {
  await c.env.OBJECTS.getByName(c.req.param('object')).keep(await c.req.text())
  return c.body(null, 204)
})

/** One object call, and JSON that is ready: no route with a hop can be cheaper. */
app.get('/page/:object', async (c) => {
  const page = await c.env.OBJECTS.getByName(c.req.param('object')).page()
  return c.body(page, 200, { 'content-type': 'application/json' })
})

/** What a cold timeline is built of and its first page shows, in one statement without any rule. */
const HOME_ROWS = `
  with newest as (
    select t.id, t.user_id
    from follows f
    cross join lateral (
      select id, user_id from tweets
      where user_id = f.following_id and not is_deleted
      order by id desc
      limit 800) t
    where f.follower_id = $1
    order by t.id desc
    limit 800)
  select
    (select json_agg(json_build_array(id, user_id)) from newest) as entries,
    (select json_agg(following_id) from follows where follower_id = $1) as followees,
    (select json_agg(json_build_object('tweet', to_json(t), 'author', to_json(u)))
     from (select id from newest order by id desc limit 20) page
     join tweets t on t.id = page.id
     join users u on u.id = t.user_id) as page`

app.get('/home/:user', async (c) => c.json(await run(c.env, HOME_ROWS, [c.req.param('user')])))

/** Stores the body in so many objects, with so many calls in flight. */
app.post('/deliver/:objects/:calls', async (c) => {
  const card = await c.req.text()
  await callAll(c.env, c.req.param(), (object) => object.store(card))
  return c.body(null, 204)
})

/** Calls as many objects, which do nothing: they are live then. */
app.post('/touch/:objects/:calls', async (c) => {
  await callAll(c.env, c.req.param(), (object) => object.page())
  return c.body(null, 204)
})

async function callAll(
  env: BareEnv,
  { objects, calls }: { objects: string; calls: string },
  call: (object: DurableObjectStub<BareObject>) => Promise<unknown>,
): Promise<void> {
  const names = Array.from({ length: Number(objects) }, (_, index) => `follower ${index}`).values()
  const callNext = async () => {
    for (const name of names) await call(env.OBJECTS.getByName(name))
  }
  await Promise.all(Array.from({ length: Number(calls) }, callNext))
}

app.get('/socket/:object', (c) => c.env.OBJECTS.getByName(c.req.param('object')).fetch(c.req.raw))

/** Comes back by the object's socket. */
app.post('/echo/:object', async (c) => {
  await c.env.OBJECTS.getByName(c.req.param('object')).echo(await c.req.text())
  return c.body(null, 204)
})

/** The same row as a post's, in the same table. Ids are made as ours are; of two that collide one is not stored. */
app.post('/tweets/:user', async (c) => {
  const id = newTweetId(Date.now(), Number(c.req.param('user')) as UserId, Math.random)
  await run(
    c.env,
    `insert into tweets (id, user_id, content, entities, conversation_id, nonce)
     values ($1, $2, $3, '{"hashtags": [], "mentions": [], "urls": []}', $1, $4)
     on conflict do nothing`,
    [id, c.req.param('user'), await c.req.text(), crypto.randomUUID()],
  )
  return c.json({ id }, 201)
})

/** One statement through the driver that we use. */
async function run(env: BareEnv, statement: string, parameters: unknown[]): Promise<unknown> {
  if (env.DATABASE_ENDPOINT !== '') neonConfig.fetchEndpoint = () => env.DATABASE_ENDPOINT
  return neon(env.DATABASE_URL).query(statement, parameters)
}

export default app
