import { DurableObject } from 'cloudflare:workers'
import { Hono } from 'hono'

/** The bindings of bench/bare/wrangler.toml. */
interface BareEnv {
  OBJECTS: DurableObjectNamespace<BareObject>
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

export default app
