import { env } from 'cloudflare:workers'
import { runInDurableObject, evictDurableObject } from 'cloudflare:test'
import { it, expect } from 'vitest'
import { api, registerUser } from './harness.ts'

const T=Date.now(); const out: string[] = []; const log = (...a: unknown[]) => out.push(`${Date.now()-T} ${a.map((x) => typeof x === 'string' ? x : JSON.stringify(x)).join(' ')}`)
it('smoke', async () => {
  const t0 = Date.now()
  const a = await registerUser()
  log('registered', Date.now() - t0)
  const home = await api('GET', '/api/timeline/home', { token: a.accessToken })
  log(home.status, JSON.stringify(home.body), [...home.headers])
  const post = await api('POST', '/api/tweets', { token: a.accessToken, body: { content: 'hello' } })
  log(post.status, JSON.stringify(post.body))
  const home2 = await api('GET', '/api/timeline/home', { token: a.accessToken })
  log(home2.status, JSON.stringify(home2.body))
  const stub = env.TIMELINES.getByName(String(a.user.id))
  await runInDurableObject(stub, (o, s) => log(s.id.name, o.constructor.name, s.storage.sql.exec('select * from state').toArray()))
  await evictDurableObject(stub)
  await runInDurableObject(stub, (o, s) => log(s.id.name, s.storage.sql.exec('select * from state').toArray()))
  let n = 0
  const f = globalThis.fetch
  globalThis.fetch = async (i, x) => { n++; return f(i, x) }
  const home3 = await api('GET', '/api/timeline/home', { token: a.accessToken })
  await api('POST', '/api/tweets', { token: a.accessToken, body: { content: 'hello' } })
  log('fetches', n)
  await new Promise((r) => setTimeout(r, 1000))
  log('fetches', n)
  const t1 = Date.now()
  for (let i = 0; i < 50; i++) await env.TIMELINES.getByName(String(1000 + i)).apply([{ type: 'retract', tweetId: 5 }])
  log('50 cold objects', Date.now() - t1)
  throw new Error(out.join('\n'))
})
