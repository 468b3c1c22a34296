import { TrieRouter } from 'hono/router/trie-router'
import type { RouterRoute } from 'hono/types'

/** How a middleware is registered: it stands before every method and answers none. */
const ANY_METHOD = 'ALL'

/**
 * Tells a path that has no route from one that has, by another method. Answers the methods of a path, for `Allow`;
 * none where there is nothing.
 */
export function methodTable(routes: readonly RouterRoute[]): (path: string) => string[] {
  const methods = new Set(routes.map(({ method }) => method))
  methods.delete(ANY_METHOD)
  const router = new TrieRouter<true>()
  for (const { method, path } of routes) if (method !== ANY_METHOD) router.add(method, path, true)
  return (path) => {
    const allowed = [...methods].filter((method) => router.match(method, path)[0].length > 0)
    return allowed.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).sort()
  }
}
