import { z } from 'zod'

/** What `POST /faults` of the faulty Worker takes: each replaces what was set before. */
export const faultSwitch = z.object({
  /** Every so-many-th batch of each queue fails; 0 for none. By turns nothing of it is done, or all, and nobody hears. */
  batchesEvery: z.number().int().default(0),
  /** Each batch comes twice at once, the second time in reverse and as one that was tried before. */
  twice: z.boolean().default(false),
  /** Whose objects fail every third time they are told something: by turns before and after they have stored it. */
  flaky: z.array(z.string()).default([]),
  /** Every so-many-th time that the search Worker is told something fails: by turns before and after it has been written. */
  searchEvery: z.number().int().default(0),
  /** Whose objects fail whatever they are told. */
  broken: z.array(z.string()).default([]),
})
export type FaultSwitch = z.input<typeof faultSwitch>
