import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createArchives } from '../../src/worker/archives.ts'

/** The smallest that R2 takes for any part but the last. */
const PART_BYTES = 5 * 2 ** 20

const newKey = () => `test/${crypto.randomUUID()}`

/** Bytes that are another in each place, in chunks of these sizes. */
async function* chunksOf(sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (const size of sizes) {
    yield Uint8Array.from({ length: size }, (_, n) => (at + n) % 251)
    at += size
  }
}

async function* failingAfter(sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  yield* chunksOf(sizes)
  throw new Error('The content has failed')
}

async function wholeOf(key: string): Promise<Uint8Array | null> {
  const object = await env.ARCHIVES.get(key)
  return object === null ? null : new Uint8Array(await object.arrayBuffer())
}

/** The bucket with the sizes of the parts that are uploaded to it. */
function watchedBucket(): { bucket: R2Bucket; parts: number[]; aborted: string[] } {
  const [parts, aborted]: [number[], string[]] = [[], []]
  const createMultipartUpload: R2Bucket['createMultipartUpload'] = async (key, options) => {
    const upload = await env.ARCHIVES.createMultipartUpload(key, options)
    return {
      key,
      uploadId: upload.uploadId,
      uploadPart(number, part) {
        if (part instanceof Uint8Array) parts.push(part.byteLength)
        return upload.uploadPart(number, part)
      },
      async abort() {
        aborted.push(key)
        await upload.abort()
      },
      complete: (uploaded) => upload.complete(uploaded),
    }
  }
  const bucket = new Proxy(env.ARCHIVES, {
    get(target, name) {
      if (name === 'createMultipartUpload') return createMultipartUpload
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
  return { bucket, parts, aborted }
}

describe('the store of archives', () => {
  it('keeps what is small as it came, however it was cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(500), { maxLength: 12 }), async (sizes) => {
        const key = newKey()
        const bytes = sizes.reduce((sum, size) => sum + size, 0)
        expect(await createArchives(env.ARCHIVES).write(key, chunksOf(sizes))).toBe(bytes)
        const whole = Uint8Array.from({ length: bytes }, (_, at) => at % 251)
        expect(await wholeOf(key)).toEqual(whole)
      }),
      { numRuns: 20 },
    )
  })

  it.each([
    ['one part', [PART_BYTES], [PART_BYTES]],
    ['a part and a byte', [1, PART_BYTES], [PART_BYTES, 1]],
    ['many chunks', Array.from({ length: 13 }, () => 900_001), [PART_BYTES, PART_BYTES, 1_214_253]],
    ['one chunk', [2 * PART_BYTES + 7], [PART_BYTES, PART_BYTES, 7]],
  ])('uploads what is large in parts of one size: %s', async (_, sizes, expected) => {
    const key = newKey()
    const { bucket, parts } = watchedBucket()
    const bytes = sizes.reduce((sum, size) => sum + size, 0)
    expect(await createArchives(bucket, PART_BYTES).write(key, chunksOf(sizes))).toBe(bytes)
    expect(parts).toEqual(expected)
    const whole = await wholeOf(key)
    expect(whole?.byteLength).toBe(bytes)
    expect(whole?.every((byte, at) => byte === at % 251)).toBe(true)
  })

  it.each([
    ['before the first part is full', [1_000], 0],
    ['after some parts', [PART_BYTES, PART_BYTES, 5], 1],
  ])('keeps nothing of what fails %s', async (_, sizes, aborts) => {
    const key = newKey()
    const { bucket, aborted } = watchedBucket()
    await expect(createArchives(bucket, PART_BYTES).write(key, failingAfter(sizes))).rejects.toThrow(
      'The content has failed',
    )
    expect(await wholeOf(key)).toBeNull()
    expect(aborted).toHaveLength(aborts)
  })

  it('lists and deletes by prefix', async () => {
    const archives = createArchives(env.ARCHIVES)
    const prefix = `${newKey()}/`
    const keys = ['a', 'b'].map((name) => `${prefix}${name}`)
    for (const key of keys) await archives.write(key, chunksOf([1]))
    expect(await archives.list(prefix)).toEqual(keys)
    await archives.delete([...keys, `${prefix}none`])
    expect(await archives.list(prefix)).toEqual([])
    await archives.delete([])
  })
})
