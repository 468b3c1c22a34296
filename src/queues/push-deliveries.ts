import type { PushPayload } from '../contracts/push.ts'
import type { PushMessage } from '../contracts/queues.ts'
import { deletePushSubscriptions } from '../db/statements/push-subscriptions.ts'
import { narrowPushes, type Push, type PushTarget, readPushes } from '../db/statements/pushes.ts'
import type { Deps } from '../services/deps.ts'
import { type PushOutcome, type PushResult, sendPush } from '../services/send-push.ts'
import type { PushSettings } from '../services/settings.ts'
import { presentPush } from '../views/present-push.ts'
import { forEachBounded } from './work.ts'

export interface PushLimits {
  /** As many as the platform opens connections for one invocation: more would wait, and use up their deadlines. */
  inFlight: number
  /** When a call counts as failed. */
  callMs: number
  /** From when on none is begun: what else is in the queue does not wait for push services that hang. */
  batchMs: number
}

const LIMITS: PushLimits = { inFlight: 6, callMs: 10_000, batchMs: 30_000 }

/** Within the queue's tries, so that a push service which is away makes no dead letters; in the list it is anyway. */
const GIVEN_UP_AFTER_MS = 2_700_000

/** What is to be pushed to one browser, and what became of it. */
interface Letter {
  push: Push
  payload: PushPayload
  target: PushTarget
  result: PushResult | null
}

/**
 * Pushes a batch to the browsers of those who had no socket open, and answers the outbox ids of what is to be tried again,
 * with the browsers that are left. One statement, one more when a browser is gone, and one more when some of somebody's
 * browsers are left. Throws when the database cannot be asked.
 */
export async function deliverPushes(
  deps: Deps,
  messages: readonly PushMessage[],
  limits: PushLimits = LIMITS,
): Promise<Set<number>> {
  const { push: settings } = deps.settings
  if (settings === null || messages.length === 0) return new Set()
  const startMs = deps.now()
  const asked = messages.map(({ outbox_id, event: { user_id, of, id } }) => ({ outbox_id, user_id, of, id }))
  const letters = (await readPushes(deps.db, asked)).flatMap(lettersOf)
  await sendAll(deps, settings, letters, limits)

  const having = (outcome: PushOutcome) => letters.filter(({ result }) => result?.outcome === outcome)
  const [gone, failed, refused] = [having('gone'), having('failed'), having('refused')]
  const notBegun = letters.filter(({ result }) => result === null)
  logFirst(deps, [...failed, ...refused])
  await forget(deps, gone)
  const unsent = [...new Set([...failed, ...notBegun].map(({ push }) => push))]
  const { again = [], late = [] } = Object.groupBy(unsent, whetherAgain)
  if (late.length > 0) deps.log.warn('pushes_given_up', { outbox_ids: idsOf(late) })
  deps.log.info('pushes', {
    messages: messages.length,
    sent: having('sent').length,
    gone: gone.length,
    refused: refused.length,
    failed: failed.length,
    not_begun: notBegun.length,
    retried: again.length,
    duration_ms: deps.now() - startMs,
  })
  await narrow(deps, again, letters)
  return new Set(idsOf(again))
}

/** Browsers that are reached, or never will be, are not pushed to again. Where that cannot be noted, they are. */
async function narrow(deps: Deps, again: readonly Push[], letters: readonly Letter[]): Promise<void> {
  const narrowed = again.flatMap((push) => {
    const own = letters.filter((letter) => letter.push === push)
    const left = own.filter(({ result }) => result === null || result.outcome === 'failed')
    return left.length === own.length
      ? []
      : [{ outbox_id: push.outbox_id, to: left.map(({ target }) => target.id) }]
  })
  try {
    await narrowPushes(deps.db, narrowed)
  } catch (error) {
    deps.log.warn('pushes_not_narrowed', { pushes: narrowed.length, error })
  }
}

function lettersOf(push: Push): Letter[] {
  const payload = presentPush(push.news)
  return push.targets.map((target) => ({ push, payload, target, result: null }))
}

const idsOf = (pushes: readonly Push[]) => pushes.map(({ outbox_id }) => outbox_id)
const whetherAgain = ({ age_ms }: Push) => (age_ms < GIVEN_UP_AFTER_MS ? 'again' : 'late')

async function sendAll(
  deps: Deps,
  settings: PushSettings,
  letters: readonly Letter[],
  { inFlight, callMs, batchMs }: PushLimits,
): Promise<void> {
  const untilMs = deps.now() + batchMs
  await forEachBounded(letters, inFlight, async (letter) => {
    if (deps.now() >= untilMs) return
    letter.result = await sendPush(deps, settings, letter.target, letter.payload, callMs)
  })
}

/** Without the path of the endpoint: whoever knows that can push. */
function logFirst(deps: Deps, letters: readonly Letter[]): void {
  for (const { target, result } of letters.slice(0, 3)) {
    const origin = URL.canParse(target.endpoint) ? new URL(target.endpoint).origin : null
    deps.log.warn('push_failed', { subscription_id: target.id, origin, ...result })
  }
}

/** Where that fails, the next push finds them gone again. */
async function forget(deps: Deps, letters: readonly Letter[]): Promise<void> {
  try {
    await deletePushSubscriptions(
      deps.db,
      letters.map(({ target }) => target.id),
    )
  } catch (error) {
    deps.log.warn('push_subscriptions_not_removed', { subscriptions: letters.length, error })
  }
}
