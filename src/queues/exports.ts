import { type ExportMessage, exportMessage } from '../contracts/queues.ts'
import type { Deps } from '../services/deps.ts'
import { writeExport } from '../services/write-export.ts'
import { consume } from './consume.ts'
import { keepPoison } from './dead-letter.ts'
import type { Verdict } from './work.ts'

/** Writes archives, in a queue of its own: each takes minutes, and nothing else waits for it. */
export async function consumeExports(batch: MessageBatch, deps: Deps): Promise<void> {
  await consume<ExportMessage>(batch, deps.log, {
    databaseEpoch: deps.settings.databaseEpoch,
    parse: (body) => exportMessage.safeParse(body).data ?? null,
    handle: async (messages) => {
      const verdicts: Verdict[] = []
      for (const message of messages) {
        const outcome = await writeExport(deps, message)
        verdicts.push(outcome === 'done' ? 'ack' : 'retry')
      }
      return verdicts
    },
    onPoison: (bodies) => keepPoison(deps, 'exports', bodies),
  })
}
