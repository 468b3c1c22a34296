/**
 * The schema of a timeline object. Append only: an object that was made years ago runs what it has not run yet,
 * in order, before anything else.
 */
export const MIGRATIONS: readonly string[] = [
  `
  create table state (
    id integer primary key check (id = 1),
    phase text not null,               -- cold, building or warm
    user_id integer not null,
    epoch integer not null,            -- of this build; part of every frame's seq
    database_epoch integer not null,   -- the global epoch it was built under
    graph_version integer not null,    -- the state of the graph that the build saw
    floor integer not null,            -- every entry from this id on is here; 0 when all are
    seq integer not null,              -- the newest frame's when this was written; entries may hold newer ones
    resumable_after integer not null,  -- frames up to this seq are no longer known
    read_at integer not null           -- Unix ms of the last read, to the day
  );
  create table entries (
    id integer primary key,
    tweet_id integer not null,
    author_id integer not null,
    retweeter_id integer,
    flags integer not null,
    seq integer not null,              -- of its frame; 0 for those that were pulled
    revision text,
    counts text,
    card text
  );
  create table tombstones (
    tweet_id integer primary key,
    seq integer not null,              -- of its frame
    at integer not null                -- Unix ms
  );
  create table followees (
    user_id integer primary key,
    version integer not null,          -- the graph version that said so
    following integer not null,        -- 0 is kept: it outranks what arrives late
    backfilled integer not null        -- 0 while their newest tweets are still to be read
  );
  create table dropped (user_id integer primary key);
  create table log (n integer primary key autoincrement, op text not null);
  `,
  // Retweets, edits and flags. The cards of before lack what a page needs: every timeline is built anew by its next read.
  `
  drop table entries;
  drop table tombstones;
  create table entries (
    id integer primary key,
    tweet_id integer not null,
    author_id integer not null,
    retweeter_id integer,
    retweeter text,                    -- their UserCard
    seq integer not null,              -- of its frame; 0 for those that were pulled
    card text
  );
  create table marks (
    id integer primary key,            -- of a tweet, or of a retweet's entry
    kind text not null,                -- deleted, undone or edited
    seq integer not null,              -- of its frame
    at integer not null                -- Unix ms
  );
  create table flags (
    tweet_id integer primary key,
    flags integer not null,
    version integer not null           -- the database's clock in microseconds
  );
  update state set phase = 'cold';
  `,
  // Single values, each under its name: the reading position, which authors are pulled, when the owner's card changed.
  `
  create table facts (name text primary key, value text not null) without rowid;
  `,
  // What sockets were told that is no entry: notifications and messages. Appended, and forgotten from its beginning.
  `
  create table tellings (
    seq integer primary key,           -- of its frame
    telling text not null,             -- the operation
    shows text not null,               -- telling, count or nothing
    unread_count integer,              -- the newest that was known then; null when none was
    unread_version integer
  );
  `,
  // Why somebody is dropped, and whose retweets are shown. What was kept does not say: every timeline is built anew.
  `
  drop table dropped;
  create table dropped (
    user_id integer not null,
    reason text not null,              -- block, blocked_by or mute
    version integer not null,          -- the graph version that said so
    holds integer not null,            -- 0 is kept: it outranks what arrives late
    until integer,                     -- Unix ms; null for one that does not end
    primary key (user_id, reason)
  ) without rowid;
  drop table followees;
  create table followees (
    user_id integer primary key,
    version integer not null,          -- the graph version that said so
    following integer not null,        -- 0 is kept: it outranks what arrives late
    backfilled integer not null,       -- 0 while their newest tweets are still to be read
    fill_version integer not null,     -- rises with each reason to read them
    shows_retweets integer not null,
    retweets_version integer not null  -- the graph version that said so
  );
  update state set phase = 'cold';
  `,
]

/** Brings the object's storage to the newest schema. Each step is atomic with its mark. */
export function migrate(storage: DurableObjectStorage, migrations = MIGRATIONS): void {
  const { sql } = storage
  sql.exec('create table if not exists migrations (n integer primary key)')
  const done = Number(sql.exec('select count(*) as n from migrations').one().n)
  migrations.slice(done).forEach((statements, index) => {
    storage.transactionSync(() => {
      sql.exec(statements)
      sql.exec('insert into migrations (n) values (?)', done + index + 1)
    })
  })
}
