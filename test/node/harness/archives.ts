import { Buffer } from 'node:buffer'
import type { ArchivePort } from '../../../src/services/deps.ts'

/** Archives in memory. */
export interface MemoryArchives extends ArchivePort {
  readonly stored: Map<string, Buffer>
}

export function memoryArchives(): MemoryArchives {
  const stored = new Map<string, Buffer>()
  return {
    stored,
    async write(key, content) {
      const chunks: Buffer[] = []
      for await (const chunk of content) chunks.push(Buffer.from(chunk))
      const whole = Buffer.concat(chunks)
      stored.set(key, whole)
      return whole.byteLength
    },
    async read(key, range) {
      const whole = stored.get(key)
      if (whole === undefined) return null
      const { offset, length } = range ?? { offset: 0, length: whole.byteLength }
      return new Response(Uint8Array.from(whole.subarray(offset, offset + length))).body
    },
    async delete(keys) {
      for (const key of keys) stored.delete(key)
    },
    list: async (prefix) => [...stored.keys()].filter((key) => key.startsWith(prefix)),
  }
}
