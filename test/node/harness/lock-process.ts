/** A process of its own that, told `take`, tries for the lock of the given folder and says how it went. */
import { createInterface } from 'node:readline'
import type { FolderLock } from '../../../tools/stack/stack-file.ts'
import { lockFolder } from '../../../tools/stack/stack-file.ts'

const folder = process.argv[2] ?? ''
let lock: FolderLock | undefined

createInterface({ input: process.stdin }).on('line', async (command) => {
  if (command === 'take') console.log(await take())
  if (command === 'release') console.log(await lock?.release().then(() => 'released'))
})
console.log('ready')

async function take(): Promise<string> {
  try {
    lock = await lockFolder(folder)
    return 'taken'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
