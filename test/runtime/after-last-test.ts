import { Console } from 'node:console'
import { Writable } from 'node:stream'
import { afterAll, vi } from 'vitest'

/**
 * What the Worker logs after a file's last test belongs to none, and would stop the whole run: `@cloudflare/vitest-plugin`
 * passes on a line of another request's context with its next message only (up to 1.4, from 1.5 on also by itself),
 * there is none after a file's last, and the line is waited for without end.
 */
afterAll(() => {
  vi.stubGlobal('console', new Console(new Writable({ write: (_chunk, _encoding, done) => done() })))
})
