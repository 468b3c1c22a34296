import { AsyncLocalStorage } from 'node:async_hooks'
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import worker from '../../src/worker/index.ts'
import { gateDatabase } from './database-gate.ts'
import { insertPerson, tokenOf, insertPeople, insertFollowers, insertTweetsAt } from './people.ts'

it('probes', async () => {
  const als = new AsyncLocalStorage<string>()
  const seen: unknown[] = []
  using _gate = gateDatabase((trip, carry) => { seen.push([als.getStore() ?? 'none', trip.text.slice(0, 60)]); return carry() })
  const [a, b] = await insertPeople(2)
  await insertFollowers([a!], b!)
  await insertTweetsAt(b!, [Date.now()-1000, Date.now()-2000])
  seen.length = 0
  const wrapped = { ...env, TIMELINES: new Proxy(env.TIMELINES, { get(t, n) { seen.push(['ns', String(n)]); if (n === 'getByName') return (name: string) => new Proxy(t.getByName(name), { get(s: any, m) { return (...args: unknown[]) => { seen.push(['call', String(m)]); return s[m](...args) } } }); return Reflect.get(t, n) } }) }
  console.log(Object.keys(wrapped))
  const ctx = createExecutionContext()
  const request = new Request('https://warbler.test/api/timeline/home', { headers: { authorization: `Bearer ${await tokenOf(a!)}` } })
  const response = await als.run('worker', () => worker.fetch(request, wrapped, ctx))
  seen.push('answered')
  console.log(response.status, (await response.text()).slice(0, 200))
  await waitOnExecutionContext(ctx)
  console.log(JSON.stringify(seen, null, 1))
  for (const m of ['PATCH', 'TRACE', 'PROPFIND', 'BREW', 'OPTIONS', 'HEAD']) {
    try { const r = await worker.fetch(new Request('https://warbler.test/api/tweets', { method: m }), wrapped, createExecutionContext()); console.log(m, r.status, await r.text()) } catch (e) { console.log(m, String(e)) }
  }
  expect(1).toBe(2)
})
