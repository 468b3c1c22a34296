import type { FramePlace } from './frames.ts'
import { kindOf, type Shown } from './shown.ts'

/** What is to be shown of what was missed, and where it stands. */
export interface Missed extends FramePlace {
  shown: Shown
}

/**
 * What was missed, in order, but that what is of one kind is one: the newest. The seq of each says to resume before the
 * first that is still to come, so that nobody whose connection breaks in between misses what another stands for.
 */
export function coalesceMissed(inOrder: readonly Shown[]): Missed[] {
  const kinds = Map.groupBy(inOrder, kindOf)
  const missed: Missed[] = []
  let resumesBefore = Number.POSITIVE_INFINITY
  for (const shown of inOrder.toReversed()) {
    const name = kindOf(shown)
    const kind = name === null ? [shown] : (kinds.get(name) ?? [])
    if (kind.at(-1) !== shown) continue
    missed.push({ shown, seq: Math.min(shown.seq, resumesBefore - 1), coalesced: kind.length })
    resumesBefore = Math.min(resumesBefore, kind[0]?.seq ?? shown.seq)
  }
  return missed.toReversed()
}
