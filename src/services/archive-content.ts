import { makeZip } from 'client-zip'
import { type ArchivePart, type ArchivePlace, readArchivePage } from '../db/statements/archive-pages.ts'
import { ACCOUNT_PART, ARCHIVE_PARTS } from '../db/statements/archive-parts.ts'
import type { UserId } from '../domain/ids.ts'
import type { Deps } from './deps.ts'

/** What one attempt may spend. */
export interface ArchiveLimits {
  /** Statements: one for each page. */
  pages: number
  bytes: number
  /** Unix ms. */
  untilMs: number
}

/** It would take more than one invocation can do, now or the next time. */
export class ArchiveTooLargeError extends Error {
  override readonly name = 'ArchiveTooLargeError'
}

interface ArchiveFile {
  name: string
  content: AsyncIterable<string>
}

/**
 * The archive of all that a user has here, as a ZIP that is made while it is read: a page of rows is in memory at a time. It
 * is no snapshot: each page is as of when it was read. Throws an ArchiveTooLargeError beyond the limits.
 */
export async function* archiveContent(
  deps: Deps,
  user: UserId,
  limits: ArchiveLimits,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of makeZip(entries(deps, user, limits))) {
    bytes += chunk.byteLength
    if (bytes > limits.bytes) throw new ArchiveTooLargeError(`More than ${limits.bytes} bytes`)
    yield chunk
  }
}

/** The ZIP's, all written at the moment of the export. Media become entries behind these when there are uploads. */
async function* entries(deps: Deps, user: UserId, limits: ArchiveLimits) {
  const lastModified = new Date(deps.now())
  for (const { name, content } of rowFiles(deps, user, limits)) yield { name, lastModified, input: content }
}

function* rowFiles(deps: Deps, user: UserId, limits: ArchiveLimits): Generator<ArchiveFile> {
  let pages = 0
  const page = (part: ArchivePart, after: ArchivePlace) => {
    pages += 1
    if (pages > limits.pages) throw new ArchiveTooLargeError(`More than ${limits.pages} pages`)
    if (deps.now() > limits.untilMs) throw new ArchiveTooLargeError('It takes too long')
    return readArchivePage(deps.db, part, user, after)
  }

  async function* account(): AsyncGenerator<string> {
    yield `${(await page(ACCOUNT_PART, null)).text}\n`
  }

  async function* rowsOf(part: ArchivePart): AsyncGenerator<string> {
    let separator = '[\n'
    let after: ArchivePlace = null
    do {
      const { text, next } = await page(part, after)
      if (text !== '') yield separator + text
      if (text !== '') separator = ',\n'
      after = next
    } while (after !== null)
    yield separator === '[\n' ? '[]\n' : '\n]\n'
  }

  yield { name: 'README.txt', content: of(README) }
  yield { name: 'account.json', content: account() }
  for (const [name, part] of Object.entries(ARCHIVE_PARTS)) yield { name, content: rowsOf(part) }
}

async function* of(text: string): AsyncGenerator<string> {
  yield text
}

const README = `This is all that you have on Warbler.

account.json is your account with its settings. Each other file is a JSON array with one entry a line, in UTF-8;
times are UTC. Of other people there are ids and names, of their tweets ids alone: what they wrote is theirs. A name
that is null belongs to somebody who is not here any more.

tweets.json                    what you posted, with polls and what it said before edits; not what you deleted
retweets.json, likes.json, bookmarks.json, poll_votes.json
following.json, followers.json, follow_requests_sent.json, follow_requests_received.json
blocks.json, mutes.json, muted_words.json, muted_conversations.json, dismissed_recommendations.json
lists.json                     your lists and who is on them
conversations.json             whom you write with
messages.json                  what you and they wrote, without what you deleted
notifications.json
sessions.json                  where you are or were signed in
push_subscriptions.json        browsers that are notified

The files were written one after the other: what changed meanwhile may be in one of them and not in another.
`
