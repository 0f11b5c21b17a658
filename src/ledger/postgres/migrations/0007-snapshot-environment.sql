-- The Plaid environment for which the users of a sweep were hashed.

alter table "sweeps" add column "plaid_environment" text;
