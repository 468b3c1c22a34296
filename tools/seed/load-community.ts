import { hashPassword } from '../../src/passwords/scrypt.ts'
import { withClient } from '../stack/databases.ts'
import { codeOf, StackError } from '../stack/stack-error.ts'
import { markTrendsAnew } from '../stack/trends.ts'
import type { Community } from './community.ts'
import { NO_PROGRESS, type Progress } from './progress.ts'
import { isWritten, rowsOf, writeCommunity } from './write-community.ts'

const UNIQUE_VIOLATION = '23505'

export interface Loading {
  /** Of the community's first person: tells whether it is there already. */
  firstEmail: string
  invent: () => Community
  /** Everybody's. */
  password: string
  /** Told the number of rows once it is known. */
  showProgress?: ((rows: number) => Progress) | undefined
}

/**
 * Writes a community to a migrated database: all of it or nothing. Answers false when it is there already. Throws a
 * StackError when the database has some of its names or ids.
 */
export async function loadCommunity(
  databaseUrl: string,
  { firstEmail, invent, password, showProgress = () => NO_PROGRESS }: Loading,
): Promise<boolean> {
  return withClient(databaseUrl, async (client) => {
    if (await isWritten(client, firstEmail)) return false
    const passwordHash = await hashPassword(password)
    const community = invent()
    const progress = showProgress(rowsOf(community))
    try {
      const isNew = await writeCommunity(client, community, passwordHash, progress)
      if (isNew) await markTrendsAnew(client)
      return isNew
    } catch (error) {
      if (codeOf(error) !== UNIQUE_VIOLATION) throw error
      throw new StackError(
        'Somebody in the database has a name or an id of this community: choose another --seed, or an empty database.',
      )
    } finally {
      progress.end()
    }
  })
}
