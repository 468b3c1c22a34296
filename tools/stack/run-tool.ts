import { messageOf, StackError } from './stack-error.ts'

/** Runs a command to its end: exit code 1 and a sentence (or, for a fault of ours, where it comes from) if it fails. */
export async function runTool(command: () => Promise<void>): Promise<void> {
  try {
    await command()
  } catch (error) {
    console.error(error instanceof StackError ? messageOf(error) : error)
    process.exitCode = 1
  }
}
