import type { SharedCache } from '../views/pulled-authors.ts'

/** Keys are URLs to the Cache API. No request for this host can reach the Worker. */
const ORIGIN = 'https://shared-cache.invalid/'

/** The Cache API of the place where the Worker runs. Not having something is an answer; failing is the same. */
export const sharedCache: SharedCache = {
  async get(key) {
    const found = await caches.default.match(ORIGIN + key).catch(() => undefined)
    return found === undefined ? null : found.json()
  },

  async put(key, value, ttlSeconds) {
    const headers = { 'cache-control': `max-age=${ttlSeconds}`, 'content-type': 'application/json' }
    await caches.default.put(ORIGIN + key, new Response(JSON.stringify(value), { headers }))
  },
}
