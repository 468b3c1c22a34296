import type { Buffer } from 'node:buffer'
import { crc32 } from 'node:zlib'

const END_OF_DIRECTORY = 0x06054b50
const DIRECTORY_ENTRY = 0x02014b50
const LOCAL_HEADER = 0x04034b50
const END_BYTES = 22
const ENTRY_BYTES = 46
const LOCAL_BYTES = 30
const STORED = 0

/**
 * The files of a ZIP below 4 GiB as its central directory names them (APPNOTE.TXT, 4.3). Throws where anything does not
 * agree: signatures, lengths, checksums.
 */
export function readZip(zip: Buffer): Map<string, string> {
  const end = zip.length - END_BYTES
  check(zip.readUInt32LE(end) === END_OF_DIRECTORY, 'There is no end of a central directory')
  const files = new Map<string, string>()
  let at = zip.readUInt32LE(end + 16)
  for (let n = 0; n < zip.readUInt16LE(end + 10); n++) {
    check(zip.readUInt32LE(at) === DIRECTORY_ENTRY, `Entry ${n} is none`)
    check(zip.readUInt16LE(at + 10) === STORED, `Entry ${n} is compressed`)
    const name = zip.toString('utf8', at + ENTRY_BYTES, at + ENTRY_BYTES + zip.readUInt16LE(at + 28))
    const content = contentAt(zip, zip.readUInt32LE(at + 42), zip.readUInt32LE(at + 20))
    check(crc32(content) === zip.readUInt32LE(at + 16), `${name} has another checksum`)
    check(!files.has(name), `${name} is there twice`)
    files.set(name, new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content))
    at += ENTRY_BYTES + [28, 30, 32].reduce((sum, length) => sum + zip.readUInt16LE(at + length), 0)
  }
  check(at === end, 'The central directory has another length')
  return files
}

function contentAt(zip: Buffer, at: number, length: number): Buffer {
  check(zip.readUInt32LE(at) === LOCAL_HEADER, 'A file has no header')
  const begin = at + LOCAL_BYTES + zip.readUInt16LE(at + 26) + zip.readUInt16LE(at + 28)
  return zip.subarray(begin, begin + length)
}

function check(holds: boolean, complaint: string): void {
  if (!holds) throw new Error(complaint)
}
