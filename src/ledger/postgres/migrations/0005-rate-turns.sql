-- The turn: the only process that may change a rate for a short time, after others overtook it several times.

alter table "rates" add column "turn" text;

alter table "rates" add column "turn_until_ms" double precision;
