-- One database of the search index; all are alike (ADR 0029).

-- Which ids it holds, one row once it is open: from_id <= id < until_id. Null until it is closed: it takes what is new.
create table id_range (
  only integer primary key default 1 check (only = 1),
  from_id integer not null,
  until_id integer,
  documents integer not null default 0
) strict;

-- What is known of each tweet, the removed ones too: an older version changes nothing.
create table tweets (
  id integer primary key,
  version integer not null,
  is_removed integer not null,
  is_sensitive integer not null,
  engagement integer not null,
  -- The powers of ten in engagement, as they are in facts.
  tier integer not null,
  -- [[key, tag]], for counting them back.
  hashtags text not null
) strict;

-- Tokens come from our own analysis, separated by spaces: this tokenizer passes them through. Contentless: the texts are
-- in Postgres.
create virtual table tweets_fts using fts5 (
  words, forms, facts,
  content = '', contentless_delete = 1,
  tokenize = "ascii tokenchars '#@:_+$*-.'"
);

create table people (
  id integer primary key,
  version integer not null,
  is_removed integer not null,
  handle text not null,
  tier integer not null
) strict;

create index people_handle on people (handle) where not is_removed;

-- The rowid is (tier << 53) + id, so that the best known come first and a search may stop early.
create virtual table people_fts using fts5 (
  names, bio,
  content = '', contentless_delete = 1, prefix = '1 2 3',
  tokenize = "ascii tokenchars '#@:_+$*-.'"
);

-- `key` is the tag without its diacritics.
create table hashtags (
  key text not null,
  tag text not null,
  tweets integer not null,
  primary key (key, tag)
) strict, without rowid;

-- The most used that begin with one letter, two or three, so that none of the others is read.
create index hashtags_by_1 on hashtags (substr(key, 1, 1), tweets desc) where tweets > 0;
create index hashtags_by_2 on hashtags (substr(key, 1, 2), tweets desc) where tweets > 0;
create index hashtags_by_3 on hashtags (substr(key, 1, 3), tweets desc) where tweets > 0;

-- The vocabulary that misspelt words are looked up in: words, #tags, @names.
create table terms (
  term text primary key
) strict, without rowid;

create table term_grams (
  gram text not null,
  length integer not null,
  term text not null,
  primary key (gram, length, term)
) strict, without rowid;
