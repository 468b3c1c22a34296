import { beforeAll, expect, it } from 'vitest'
import { find, search } from '../harness.ts'
import { judgedSet } from './judged-set.ts'

const { tweets, judgements } = judgedSet()
const MIN_MEAN_RECIPROCAL_RANK = 0.9

beforeAll(async () => {
  const documents = tweets.map(({ document }) => document)
  await search.index({ tweets: documents, people: [] })
})

it('has the answer first, or nearly, whatever the language and however it is typed', async () => {
  const keys = new Map(tweets.map(({ key, document }) => [document.id, key]))
  const ranks = new Map<string, number>()
  for (const { text, answers } of judgements) {
    const { hits } = await find(text)
    const at = hits.findIndex(({ id }) => answers.includes(keys.get(id) ?? ''))
    ranks.set(text, at === -1 ? 0 : 1 / (at + 1))
  }
  const missed = [...ranks].filter(([, rank]) => rank < 1)
  console.info(`reciprocal ranks below 1: ${JSON.stringify(missed)}`)
  const mean = [...ranks.values()].reduce((sum, rank) => sum + rank, 0) / ranks.size
  expect(mean).toBeGreaterThanOrEqual(MIN_MEAN_RECIPROCAL_RANK)
})
