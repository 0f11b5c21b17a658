-- Legal holds. An intent is recorded by one INSERT, see recordIntent in ../writes.ts.

create table "holds" (
  "hold_id" text not null,
  "subject" text not null,
  "reason" text,
  "at" text not null,
  constraint "holds_key" primary key ("hold_id", "subject")
);

create index "holds_subject" on "holds" ("subject");
