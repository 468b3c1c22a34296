import type { TimelineRpc } from '../../src/contracts/timeline.ts'

/** A timeline of which a test has only the parts that it is about: the others are not there. */
export function fakeTimeline(parts: Partial<TimelineRpc>): TimelineRpc {
  const refused = async () => ({ ok: false, code: 'unavailable' }) as const
  return {
    apply: refused,
    page: refused,
    marker: refused,
    moveMarker: refused,
    keepCards: async () => {},
    endSessions: async () => {},
    erase: async () => {},
    fetch: async () => new Response(null, { status: 503 }),
    ...parts,
  }
}

/** A timeline but for some parts. */
export function timelineWith(timeline: TimelineRpc, parts: Partial<TimelineRpc>): TimelineRpc {
  return {
    apply: (ops) => timeline.apply(ops),
    page: (request) => timeline.page(request),
    marker: () => timeline.marker(),
    moveMarker: (id) => timeline.moveMarker(id),
    keepCards: (cards) => timeline.keepCards(cards),
    endSessions: (which) => timeline.endSessions(which),
    erase: () => timeline.erase(),
    fetch: (request) => timeline.fetch(request),
    ...parts,
  }
}
