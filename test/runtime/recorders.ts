import type { ApplyResult, EndSessions, TimelineOp, TimelineRpc } from '../../src/contracts/timeline.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { fakeTimeline } from './fake-timeline.ts'

export interface Call {
  receiver: UserId
  ops: TimelineOp[]
}

/** Timelines that remember what they are told and do nothing: for crowds, and for those that fail. */
export class Recorders {
  readonly calls: Call[] = []
  readonly ended: { receiver: UserId; which: EndSessions }[] = []
  readonly #answer: (receiver: UserId, nth: number) => ApplyResult

  /** `answer` may throw, as a call of an object can; `nth` counts the receiver's calls from 1. */
  constructor(answer: (receiver: UserId, nth: number) => ApplyResult = () => ({ ok: true, state: 'warm' })) {
    this.#answer = answer
  }

  readonly port = (receiver: UserId): TimelineRpc =>
    fakeTimeline({
      apply: async (ops) => {
        this.calls.push({ receiver, ops })
        return this.#answer(receiver, this.calls.filter((call) => call.receiver === receiver).length)
      },
      endSessions: async (which) => {
        this.ended.push({ receiver, which })
      },
    })

  /** Who was called, each as often as they were. */
  get receivers(): UserId[] {
    return this.calls.map(({ receiver }) => receiver).sort((a, b) => a - b)
  }
}

export function failing(): ApplyResult {
  throw new Error('The object was reset')
}
