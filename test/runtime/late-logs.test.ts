import { runInDurableObject } from 'cloudflare:test'
import { it, vi } from 'vitest'
import { createLogger } from '../../src/domain/log.ts'
import { insertPerson, timelineOf } from './people.ts'

// When this fails, the run shows it as passed and never ends.
it('lets its file end while an object goes on logging', async () => {
  const log = createLogger()
  const logged = vi.spyOn(log, 'info')
  await runInDurableObject(timelineOf(await insertPerson()), () => {
    setInterval(() => log.info('still_here'), 1)
  })
  await vi.waitUntil(() => logged.mock.calls.length > 0)
})
