import { readLedgerSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { SETTINGS } from 'temporal-http-tasks/internal/config/setting-table';
import { LedgerStatementError } from 'temporal-http-tasks/internal/ledger/sql-calls';
import { purgeEvidence } from 'temporal-http-tasks/internal/ledger/purge-evidence';
import { defineGroup, subcommand, literalOption, wholeNumber } from '../program/command';
import type { CommonOptions } from '../program/command';
import { withWorkersLedger } from './open-ledger';
import type { ExitCode } from '../program/io';
import { print, printJson, printable, say, sayOver } from '../terminal/output';
import { CommandFailure, Refusal } from '../program/errors';
import { count } from '../terminal/words';

const { min, max } = SETTINGS.HTTP_TASKS_RECEIPTS_DAYS;

/** `http-tasks ledger purge`: deletes receipts that have been kept long enough. */
const PURGE = subcommand<CommonOptions & { keepDays?: string }>('purge', {
  summary: 'delete the receipts of what ended long ago; their hashes stay',
  description:
    'Deletes the receipts of sweeps, runs and calls that ended more than HTTP_TASKS_RECEIPTS_DAYS ago, or --keep-days. The log, the ' +
    'heads and the hashes of the receipts stay: bundles that were made before can still be verified, and verify --since counts what was ' +
    'purged. Workers with the setting do so every hour. In a Postgres in which workers may not delete receipts, run it with the ' +
    'HTTP_TASKS_LEDGER_URL of the user that owns the tables. Exits 1 when a sweep was left alone because its receipts were changed.',
  examples: ['http-tasks ledger purge --keep-days 730', 'HTTP_TASKS_RECEIPTS_DAYS=730 http-tasks ledger purge --json'],
  options: [literalOption('--keep-days <days>', 'days for which receipts are kept (else HTTP_TASKS_RECEIPTS_DAYS)')],
  run: (io, { keepDays, json }) => {
    const days =
      keepDays === undefined
        ? readLedgerSettings(io.env).receiptsDays
        : wholeNumber('--keep-days', keepDays, { min, max });
    if (days === undefined)
      throw new Refusal(
        'Usage',
        'Say how long receipts are kept: --keep-days DAYS, or HTTP_TASKS_RECEIPTS_DAYS. Nothing was deleted.',
        'keep-days',
      );
    return withWorkersLedger<ExitCode>(io, async ({ ledger }) => {
      const onProgress = ({ sweeps, runs }: { sweeps: number; runs: number }) =>
        sayOver(io, `${count(sweeps)} sweeps, ${count(runs)} runs`);
      const purged = await purgeEvidence(ledger, { days, onProgress }).catch(unlessNotAllowed);
      // So that the log says so from now on, not only once a worker looks.
      await ledger.log.seal();
      if (json) printJson(io, purged);
      else
        print(
          io,
          `Deleted the receipts of ${count(purged.sweeps.length)} sweeps and ${count(purged.runs)} runs that ` +
            `ended before ${purged.before}.`,
        );
      for (const sweepId of purged.changed)
        say(
          io,
          `Left alone: ${printable(sweepId)}. Its receipts are not those that were sealed; see http-tasks verify.`,
        );
      return purged.changed.length === 0 ? 0 : 1;
    });
  },
});

/** SQLSTATE of a user who may not delete receipts. */
const NOT_ALLOWED = '42501';

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

function unlessNotAllowed(error: unknown): never {
  if (!(error instanceof LedgerStatementError) || error.code !== NOT_ALLOWED) throw error;
  throw new CommandFailure(
    'Failed',
    `This database user may not delete receipts (${NOT_ALLOWED}). Run it with the HTTP_TASKS_LEDGER_URL of the user that owns the tables.`,
  );
}
