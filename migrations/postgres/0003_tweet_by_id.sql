-- One tweet, by an id that a statement only knows while it runs: of a quoted tweet, of a page's entries. Looked up in place,
-- `tweets` is planned with all its partitions by every statement, once for each mention, which costs more than running
-- it. Here one plan is made per connection and finds the partition as it runs. It sees the calling statement's snapshot.
CREATE FUNCTION tweet_by_id(wanted bigint) RETURNS SETOF tweets
LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED ROWS 1
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY SELECT * FROM tweets WHERE id = wanted;
END
$$;
