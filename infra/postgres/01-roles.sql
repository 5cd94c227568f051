-- Creates roles and databases; run by a superuser: psql -f 01-roles.sql. It can be repeated at any
-- time and then sets the passwords again. They come from the environment: TONGBAO_PIPELINE_PASSWORD,
-- TONGBAO_DAGSTER_PASSWORD, TONGBAO_ANALYST_PASSWORD.
--
--   pipeline  owns the DuckLake catalogue (database tongbao)
--   dagster   owns Dagster's storage (database dagster)
--   analyst   reads marts, quality and publication; for a personal login:
--             create role li_na login password '…' in role analyst;
\set ON_ERROR_STOP on
\getenv pipeline_password TONGBAO_PIPELINE_PASSWORD
\getenv dagster_password TONGBAO_DAGSTER_PASSWORD
\getenv analyst_password TONGBAO_ANALYST_PASSWORD
-- Statements with a password must not be in the server's log.
set log_statement = 'none';
set log_min_duration_statement = -1;
set log_min_error_statement = 'panic';

select format('create role %I', name)
from unnest(array['pipeline', 'dagster', 'analyst']) as wanted (name)
where not exists (select from pg_roles where rolname = name)
\gexec
alter role pipeline login password :'pipeline_password';
alter role dagster login password :'dagster_password';
alter role analyst login password :'analyst_password';
-- PostgreSQL allows 100 connections, three of them to superusers only. A run and its readers need some
-- 12, Dagster's processes some 20, an analyst's query as many as it has threads. With equal limits none
-- of the three can shut out another, nor the backup. A personal login gets a limit of its own:
-- alter role li_na connection limit 10;
alter role pipeline connection limit 30;
alter role dagster connection limit 30;
alter role analyst connection limit 30;

select format('create database %I owner %I', name, owner)
from (values ('tongbao', 'pipeline'), ('dagster', 'dagster')) as wanted (name, owner)
where not exists (select from pg_database where datname = name)
\gexec
revoke all on database tongbao, dagster from public;
grant connect on database tongbao to analyst;
