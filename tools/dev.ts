/** `npm run dev`: the whole of Warbler on this machine, until Ctrl-C. */
import { runDevStack } from './stack/dev-stack.ts'

runDevStack()
