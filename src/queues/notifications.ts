import type { Deps } from '../services/deps.ts'

export async function consumeNotifications(_batch: MessageBatch, _deps: Deps): Promise<void> {}
