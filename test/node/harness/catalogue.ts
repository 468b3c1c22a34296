import type pg from 'pg'

/** What a schema says of itself: each fact under the name of the thing it is about. */
export type Catalogue = ReadonlyMap<string, string>

/** A column is one fact: its type, then what is more than the type. */
const COLUMNS = `
  select c.relname || '.' || a.attname as name,
         concat_ws(' ',
           replace(replace(format_type(a.atttypid, a.atttypmod), 'timestamp with time zone', 'timestamptz'),
                   'timestamp without time zone', 'timestamp'),
           case when a.attnotnull then 'not null' end,
           case when a.attidentity <> '' then 'identity'
                when pg_get_expr(d.adbin, d.adrelid) like 'nextval(%' then 'serial'
                when d.adbin is not null
                  then 'default ' || replace(pg_get_expr(d.adbin, d.adrelid), 'CURRENT_TIMESTAMP', 'now()') end) as fact
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
  where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`

/** Named by what they are about rather than by their own names, but for checks, which have nothing else. */
const CONSTRAINTS = `
  select case k.contype when 'p' then c.relname || ' primary key'
                        when 'c' then c.relname || ' check ' || k.conname
                        when 'u' then c.relname || ' unique ' || columns
                        when 'f' then c.relname || ' foreign key ' || columns end as name,
         case k.contype when 'c' then pg_get_constraintdef(k.oid)
                        when 'f' then 'to ' || k.confrelid::regclass::text || ', on delete ' || case k.confdeltype
                          when 'c' then 'cascade' when 'n' then 'set null' else 'refuse' end
                        else columns end as fact
  from pg_constraint k
  join pg_class c on c.oid = k.conrelid
  cross join lateral (
    select '(' || string_agg(a.attname, ', ' order by place) || ')' as columns
    from unnest(k.conkey) with ordinality as key(number, place)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = key.number) named
  where c.relnamespace = $1::regnamespace and not c.relispartition and k.contype in ('p', 'c', 'u', 'f')`

/** Indexes that no constraint brings. */
const INDEXES = `
  select 'index ' || i.relname as name,
         case when x.indisunique then 'unique, ' else '' end || 'on ' || c.relname || ' '
           || regexp_replace(pg_get_indexdef(i.oid), '^.* USING btree ', '') as fact
  from pg_index x
  join pg_class i on i.oid = x.indexrelid
  join pg_class c on c.oid = x.indrelid
  where c.relnamespace = $1::regnamespace and not c.relispartition
    and not exists (select from pg_constraint k where k.conindid = x.indexrelid and k.contype in ('p', 'u'))`

/** Columns, constraints and indexes of all tables of a schema; partitions are not told apart from their table. */
export async function readCatalogue(pool: pg.Pool, schema: string): Promise<Catalogue> {
  const facts = new Map<string, string>()
  for (const statement of [COLUMNS, CONSTRAINTS, INDEXES]) {
    const { rows } = await pool.query<{ name: string; fact: string }>(`${statement} order by name`, [schema])
    for (const { name, fact } of rows) facts.set(name, fact.replaceAll(`${schema}.`, ''))
  }
  return facts
}

/** What `specified` names and `ours` has not, or has otherwise: a line each. What is ours alone is no difference. */
export function differencesOf(specified: Catalogue, ours: Catalogue): string[] {
  return [...specified].flatMap(([name, fact]) => {
    const other = ours.get(name) ?? 'none'
    return other === fact ? [] : [`${name}: ${fact} -> ${other}`]
  })
}
