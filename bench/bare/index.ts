import { neon, neonConfig } from '@neondatabase/serverless'
import { DurableObject } from 'cloudflare:workers'
import { Hono } from 'hono'

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

/** One statement through the driver that we use. */
async function run(env: BareEnv, statement: string, parameters: unknown[]): Promise<unknown> {
  if (env.DATABASE_ENDPOINT !== '') neonConfig.fetchEndpoint = () => env.DATABASE_ENDPOINT
  return neon(env.DATABASE_URL).query(statement, parameters)
}

export default app
