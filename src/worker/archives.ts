import type { ArchivePort } from '../services/deps.ts'

/** All parts of an upload but the last have one size, of at least 5 MiB (Cloudflare R2, "Multipart upload objects"). */
const PART_BYTES = 8 * 2 ** 20
/** That one call deletes, and the most that one lists. */
const KEYS_PER_CALL = 1_000

const ZIP = { httpMetadata: { contentType: 'application/zip' } }

/** The bucket of archives. One part of an archive is in memory at a time. */
export function createArchives(bucket: R2Bucket, partBytes = PART_BYTES): ArchivePort {
  return {
    async write(key, content) {
      const parts = partsOf(content, partBytes)
      const first = await parts.next()
      const part = first.done ? new Uint8Array() : first.value
      if (part.byteLength === partBytes) return upload(bucket, key, part, parts)
      await bucket.put(key, part, ZIP)
      return part.byteLength
    },
    async read(key, range) {
      const object = await bucket.get(key, range === null ? {} : { range })
      return object?.body ?? null
    },
    async delete(keys) {
      for (let at = 0; at < keys.length; at += KEYS_PER_CALL) {
        await bucket.delete(keys.slice(at, at + KEYS_PER_CALL))
      }
    },
    async list(prefix) {
      const { objects } = await bucket.list({ prefix, limit: KEYS_PER_CALL })
      return objects.map(({ key }) => key)
    },
  }
}

async function upload(
  bucket: R2Bucket,
  key: string,
  first: Uint8Array,
  others: AsyncIterable<Uint8Array>,
): Promise<number> {
  const multipart = await bucket.createMultipartUpload(key, ZIP)
  try {
    const uploaded = [await multipart.uploadPart(1, first)]
    let bytes = first.byteLength
    for await (const part of others) {
      uploaded.push(await multipart.uploadPart(uploaded.length + 1, part))
      bytes += part.byteLength
    }
    await multipart.complete(uploaded)
    return bytes
  } catch (error) {
    // What cannot be aborted now, a lifecycle rule of the bucket aborts; nobody sees it meanwhile.
    await multipart.abort().catch(() => {})
    throw error
  }
}

/** Parts of one size, but for the last, which may be smaller and is not empty. Each is good until the next is asked for. */
async function* partsOf(content: AsyncIterable<Uint8Array>, partBytes: number): AsyncGenerator<Uint8Array> {
  const part = new Uint8Array(partBytes)
  let filled = 0
  for await (const chunk of content) {
    for (let at = 0; at < chunk.byteLength; ) {
      const taken = chunk.subarray(at, at + partBytes - filled)
      part.set(taken, filled)
      filled += taken.byteLength
      at += taken.byteLength
      if (filled < partBytes) continue
      yield part
      filled = 0
    }
  }
  if (filled > 0) yield part.subarray(0, filled)
}
