import { readLedgerSettings } from 'temporal-http-tasks/internal/config/database-settings';
import type { LedgerState } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { Io } from '../program/io';
import { messageOf } from './finding';
import type { Finding } from './finding';

/** Checks the ledger and what an earlier version left in it. Changes nothing. */
export async function checkLedger({ env }: Io): Promise<Finding[]> {
  const fail = (error: unknown): Finding[] => [{ check: 'ledger', state: 'fail', message: messageOf(error) }];
  let settings: ReturnType<typeof readLedgerSettings>;
  try {
    settings = readLedgerSettings(env);
  } catch {
    // Reported with the other settings.
    return [];
  }
  try {
    const { readLedgerState, readLimitsOfLedger } = await import('temporal-http-tasks/internal/ledger/open-ledger');
    const state = await readLedgerState(settings);
    if (!state) return [{ check: 'ledger', state: 'ok', message: 'there is none yet; the first worker creates it' }];
    const { rates } = await readLimitsOfLedger(settings, '');
    const standing = rates.flatMap(({ service, keySlot, standingPerMinute }) =>
      standingPerMinute === undefined
        ? []
        : [`${keySlot === '' ? service : `${service}.${keySlot}`}: ${standingPerMinute} calls/min`],
    );
    return [...schemaFindings(state), ...holdFindings(state), ...rateFindings(standing)];
  } catch (error) {
    return fail(error);
  }
}

function schemaFindings({ missing, unknown, keyFits }: LedgerState): Finding[] {
  const key: Finding[] =
    keyFits === false
      ? [
          {
            check: 'subjectKey',
            state: 'fail',
            message:
              'HTTP_TASKS_SUBJECT_KEY is not the key of this ledger, so its users and holds would not be recognised',
            toDo: 'Set the key that the ledger was first opened with.',
          },
        ]
      : [];
  if (unknown.length > 0)
    return [
      ...key,
      {
        check: 'ledger',
        state: 'fail',
        message: `was migrated by a newer version (${unknown.join(', ')})`,
        toDo: 'Upgrade this installation.',
      },
    ];
  if (missing.length === 0)
    return [...key, { check: 'ledger', state: 'ok', message: 'has the schema of this version' }];
  return [
    ...key,
    {
      check: 'ledger',
      state: 'warn',
      message: `${missing.length} migrations are missing; the next worker runs them, and earlier versions refuse the ledger afterwards`,
      toDo: 'Back up the ledger first (docs/backup.md). Where workers may not create tables, run: http-tasks ledger migrate',
    },
  ];
}

function holdFindings({ oldHolds }: LedgerState): Finding[] {
  if (oldHolds === 0) return [];
  return [
    {
      check: 'holds',
      state: 'fail',
      message: `${oldHolds} legal ${oldHolds === 1 ? 'hold' : 'holds'} of version 0.1.0 may not protect in every environment`,
      toDo: 'Set them again with all IDs: http-tasks hold add --id HOLD … (docs/holds.md)',
    },
  ];
}

function rateFindings(standing: readonly string[]): Finding[] {
  if (standing.length === 0) return [];
  return [
    {
      check: 'rates',
      state: 'warn',
      message: `standing limits apply to every run: ${standing.join(', ')}`,
      toDo: 'Remove one that is not wanted with: http-tasks rate clear KEY',
    },
  ];
}
