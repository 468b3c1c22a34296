/** Bytes of a file, from the first on. */
export interface ByteRange {
  offset: number
  length: number
}

/**
 * What a `Range` header asks for of a file of so many bytes (RFC 9110, 14.2). Null for the whole file: without a header, and
 * where it asks for several ranges, for none of the file, or in another way, all of which a server may ignore.
 */
export function parseByteRange(header: string | undefined, size: number): ByteRange | null {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || first + last === '') return null
  const offset = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1)
  return offset < end ? { offset, length: end - offset } : null
}
