/**
 * List prices in dollars. Included allowances are left out: at this scale they are nothing. Where each stands, and when it
 * was read: docs/capacity.md, "Prices".
 */
const MILLION = 1e6

export const PRICES = {
  workerRequest: 0.3 / MILLION,
  workerCpuMs: 0.02 / MILLION,
  objectRequest: 0.15 / MILLION,
  objectGbSecond: 12.5 / MILLION,
  objectRowRead: 0.001 / MILLION,
  objectRowWritten: 1 / MILLION,
  objectGbMonth: 0.2,
  queueOperation: 0.4 / MILLION,
  neonCuHour: 0.222,
  neonGbMonth: 0.35,
  neonEgressGb: 0.1,
} as const

/** A message is written, read and deleted. */
export const OPERATIONS_PER_MESSAGE = 3
/** What an object is billed for, whatever it uses. */
export const OBJECT_GB = 0.128

export const SECONDS_PER_DAY = 86_400
export const DAYS_PER_MONTH = 30
export const SECONDS_PER_MONTH = DAYS_PER_MONTH * SECONDS_PER_DAY
export const HOURS_PER_MONTH = DAYS_PER_MONTH * 24
