/** `npm run dev` with the API Worker that can be told to fail. */
import { runDevStack } from '../../../tools/stack/dev-stack.ts'

runDevStack({ main: 'test/faults/worker/index.ts' })
