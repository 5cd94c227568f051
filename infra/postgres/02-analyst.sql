-- Defines what the role analyst sees of the DuckLake catalogue. Run by a superuser after 01-roles.sql,
-- before or after the first run: psql -d tongbao -f 02-analyst.sql
--
-- DuckLake's metadata contain data of rows: the minimum and maximum of each column of each file, and
-- all rows of small inserts. So a reader of marts must not see the metadata of raw, which has contact
-- data. In each metadata table analysts see only the rows of the schemas named below. A table that is
-- not named here (of a later DuckLake, or with inlined rows) shows them nothing.
\set ON_ERROR_STOP on
\connect tongbao
-- A separate schema, because pipeline owns public and could replace functions there.
create schema if not exists access;
grant usage on schema access to pipeline;

create or replace function access.guard() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    metadata record;
begin
    for metadata in
        select classes.oid::regclass as name, rules.condition
        from pg_class as classes
        left join (
            select 'schema' as relname,
                'schema_name in (''main'', ''marts'', ''quality'', ''publication'')' as condition
            union all
            -- The list of snapshots, and the paths of files.
            select unnest(array['metadata', 'snapshot', 'snapshot_changes']), 'true'
            union all
            select unnest(array['table', 'view', 'macro']),
                'schema_id in (select schema_id from public.ducklake_schema)'
            union all
            select unnest(array[
                'column', 'column_mapping', 'column_tag', 'data_file', 'delete_file',
                'file_column_stats', 'file_partition_value', 'file_variant_stats',
                'inlined_data_tables', 'partition_column', 'partition_info', 'schema_versions',
                'sort_expression', 'sort_info', 'table_column_stats', 'table_stats'
            ]), 'table_id in (select table_id from public.ducklake_table)'
            union all
            select 'tag', 'object_id in (select table_id from public.ducklake_table)'
            union all
            select 'name_mapping',
                'mapping_id in (select mapping_id from public.ducklake_column_mapping)'
            union all
            select unnest(array['macro_impl', 'macro_parameters']),
                'macro_id in (select macro_id from public.ducklake_macro)'
        ) as rules on classes.relname = 'ducklake_' || rules.relname
        where classes.relnamespace = 'public'::regnamespace
            and classes.relkind in ('r', 'p')
            and not classes.relrowsecurity
    loop
        begin
            execute format('alter table %s enable row level security', metadata.name);
            if metadata.condition is not null then
                execute format(
                    'create policy analyst on %s for select to analyst using (%s)',
                    metadata.name, metadata.condition
                );
                execute format('grant select on %s to analyst', metadata.name);
            end if;
        exception when undefined_table then
            null;  -- The condition's table doesn't exist yet; its creation calls this function again.
        end;
    end loop;
end
$$;
revoke execute on function access.guard() from public;
grant execute on function access.guard() to pipeline;

create or replace function access.on_create_table() returns event_trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$ begin perform access.guard(); end $$;

drop event trigger if exists analyst_access;
create event trigger analyst_access on ddl_command_end
when tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO')
execute function access.on_create_table();

alter schema public owner to pipeline;
revoke all on schema public from public;
grant usage on schema public to analyst;
-- Replaces the policies of tables that are older than this file, or were protected by an older one.
do $$
declare
    metadata record;
begin
    for metadata in
        select classes.oid::regclass as name from pg_class as classes
        where classes.relnamespace = 'public'::regnamespace and classes.relkind in ('r', 'p')
    loop
        execute format('drop policy if exists analyst on %s', metadata.name);
        execute format('revoke all on %s from public, analyst', metadata.name);
        execute format('alter table %s disable row level security', metadata.name);
    end loop;
    perform access.guard();
end
$$;

-- The writer's lock is an advisory lock: other roles must not be able to take it.
do $$
declare
    lock regprocedure;
begin
    for lock in select oid from pg_proc where proname ~ '^pg_(try_)?advisory_.*lock' loop
        execute format('revoke execute on function %s from public', lock);
        execute format('grant execute on function %s to pipeline', lock);
    end loop;
end
$$;
