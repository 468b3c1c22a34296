import type { Entities } from '../../src/contracts/http/tweets.ts'
import { extractEntities, foldUsername, uniqueMentions, uniqueTags } from '../../src/domain/tweet-text.ts'
import type { Person } from './people.ts'

/** A tweet's text as the database keeps it. */
export interface StoredText {
  content: string
  entities: Entities
  /** Folded, each once. */
  tags: string[]
  /** Each once. */
  mentioned: Person[]
}

/** Reads texts as the API does: mentions are those of people whom the community knows. */
export function textReader(people: readonly Person[]): (content: string) => StoredText {
  const byName = new Map(people.map((person) => [foldUsername(person.username), person]))
  return (content) => {
    const found = extractEntities(content)
    const mentions = found.mentions.flatMap((mention) => {
      const person = byName.get(foldUsername(mention.username))
      return person === undefined ? [] : [{ ...mention, id: person.id }]
    })
    const mentioned = uniqueMentions(found).flatMap((name) => byName.get(name) ?? [])
    return { content, entities: { ...found, mentions }, tags: uniqueTags(found), mentioned }
  }
}
