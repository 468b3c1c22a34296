import { type SQL, sql } from 'drizzle-orm'
import type { UserId } from '../../domain/ids.ts'

/** Nobody: an id that no user has, so that one statement serves readers who are signed out. */
export const NOBODY = 0

export function viewerId(viewer: UserId | null): number {
  return viewer ?? NOBODY
}

/** The author `u` exists for everybody: neither deactivated nor suspended. */
export const isPresent = sql`(u.is_active and u.suspended_at is null)`

/**
 * The author `u` is there, or may come back by themselves any day: their entries are kept on timelines, and hidden as pages are
 * made for as long as they are gone.
 */
export const mayReturn = sql`((u.is_active or u.deactivated_at is not null) and u.suspended_at is null)`

/** No username begins with this. */
const ERASED = '~'

/** The name, and the address, of what is left of an account `u` that was erased: they are free for others again. */
export const nameOfErased = sql`${ERASED}::text || u.id`

/** Of the account `u` only the row is left: nobody is told anything, and nobody signs in. */
export const isErased = sql`starts_with(u.username, ${ERASED})`

/** Neither of the two blocks the other. */
export function noBlockBetween(viewer: number | SQL, other: SQL): SQL {
  return sql`not exists (
    select from blocks b
    where (b.blocker_id = ${viewer} and b.blocked_id = ${other})
       or (b.blocker_id = ${other} and b.blocked_id = ${viewer}))`
}

/**
 * The viewer may see what the author `u` writes: a public author, oneself, or one whom one follows. A scalar subquery,
 * because the planner may turn `exists` into a hash of all whom the viewer follows.
 */
export function mayRead(viewer: number | SQL): SQL {
  return sql`(
    u.id = ${viewer}
    or ((not u.is_private
         or (select count(*) from follows f where f.follower_id = ${viewer} and f.following_id = u.id) > 0)
        and ${noBlockBetween(viewer, sql`u.id`)}))`
}

/** The viewer may see the tweet `t` of the author `u`. */
export function tweetIsVisibleTo(viewer: number | SQL): SQL {
  return sql`(not t.is_deleted and ${isPresent} and ${mayRead(viewer)})`
}

/** The viewer has not muted `other`. Mutes thin timelines; what is asked for by name is still shown. */
export function notMutedBy(viewer: number | SQL, other: SQL): SQL {
  return sql`not exists (
    select from mutes m
    where m.muter_id = ${viewer} and m.muted_id = ${other}
      and (m.expires_at is null or m.expires_at > now()))`
}

/**
 * The viewer is shown the tweet of this alias in timelines and lists that they did not ask it for by name: it is not
 * sensitive, or their own, or they do not hide what is. Who is signed out hides it. As `isHiddenAsSensitive` has it.
 */
export function notHiddenAsSensitive(viewer: number, alias: 't' | 'a' = 't'): SQL {
  const t = sql.raw(alias)
  if (viewer === NOBODY) return sql`(not ${t}.is_sensitive)`
  return sql`(
    not ${t}.is_sensitive or ${t}.user_id = ${viewer}
    or not (select v.hide_sensitive from users v where v.id = ${viewer}))`
}
