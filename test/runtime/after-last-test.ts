import { Console } from 'node:console'
import { Writable } from 'node:stream'
import { afterAll } from 'vitest'

/**
 * What the Worker logs after a file's last test belongs to none, and would stop the whole run: the runtime passes on a
 * line of another request's context with the runner's next message only, there is none after the last, and the runner
 * waits for the line without end (cloudflare/workers-sdk#15719).
 */
afterAll(() => {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  globalThis.console = new Console(nowhere)
})
