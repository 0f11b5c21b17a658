import { defineGroup, subcommand } from '../program/command';
import type { CommonOptions } from '../program/command';
import { withWorkersLedger } from './open-ledger';
import { PURGE } from './purge';
import type { ExitCode } from '../program/io';
import { print, printJson } from '../terminal/output';

const MIGRATE = subcommand<CommonOptions>('migrate', {
  summary: 'run the migrations that the ledger lacks, and print their names',
  description:
    'For a Postgres in which workers may not change tables: run it once before the workers of a new version, with the ' +
    'HTTP_TASKS_LEDGER_URL of the user that owns the tables and the HTTP_TASKS_SUBJECT_KEY of the workers. All migrations ' +
    'run in one transaction; running it again, or in two places, changes nothing more.',
  examples: ['HTTP_TASKS_LEDGER_URL_FILE=/run/secrets/ledger_owner_url http-tasks ledger migrate'],
  run: (io, { json }) =>
    withWorkersLedger<ExitCode>(io, ({ migrations }) => {
      if (json) printJson(io, { migrations });
      else if (migrations.length === 0) print(io, 'The ledger is up to date.');
      else print(io, `Migrated the ledger: ${migrations.join(', ')}`);
      return Promise.resolve(0);
    }),
});

/** `http-tasks ledger …`: maintenance of the ledger itself. */
export const ledgerCommand = defineGroup(
  'The ledger that HTTP_TASKS_LEDGER_URL names. Workers and other commands migrate it too when their database user may.',
  [MIGRATE, PURGE],
);
