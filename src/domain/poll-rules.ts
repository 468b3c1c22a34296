import { codePointLength, isBlank, normalizeContent } from './tweet-text.ts'

export const POLL_OPTIONS_MIN = 2
export const POLL_OPTIONS_MAX = 4
export const POLL_OPTION_LENGTH_MAX = 25
export const POLL_MINUTES_MIN = 5
export const POLL_MINUTES_MAX = 7 * 24 * 60

type OptionsCheck = { ok: true; options: string[] } | { ok: false; position: number | null; message: string }

/**
 * Normalizes a poll's options, each to one line, and judges them: 2 to 4, each of 1 to 25 code points that can be
 * seen, no two alike. `position` says which is wrong; null when it is their number.
 */
export function checkPollOptions(raw: readonly string[]): OptionsCheck {
  if (raw.length < POLL_OPTIONS_MIN || raw.length > POLL_OPTIONS_MAX) {
    const message = `must be ${POLL_OPTIONS_MIN} to ${POLL_OPTIONS_MAX}, and are ${raw.length}`
    return { ok: false, position: null, message }
  }
  const options = raw.map((option) => normalizeContent(option).replace(/\s+/g, ' '))
  for (const [position, option] of options.entries()) {
    const message = faultOf(option, options.slice(0, position))
    if (message !== null) return { ok: false, position, message }
  }
  return { ok: true, options }
}

function faultOf(option: string, others: readonly string[]): string | null {
  const length = codePointLength(option)
  if (isBlank(option)) return 'must say something'
  if (length > POLL_OPTION_LENGTH_MAX) {
    return `must have at most ${POLL_OPTION_LENGTH_MAX} characters, and has ${length}`
  }
  return others.includes(option) ? 'must differ from the others' : null
}
