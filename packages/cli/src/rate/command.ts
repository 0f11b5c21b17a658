import { keyName, rateDocument, rateSentence } from '@temporal-http-tasks/evidence/internal/rate-words';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { RateKey } from 'temporal-http-tasks/internal/ledger/sweeps/rate-ledger';
import { mainServiceOf } from 'temporal-http-tasks/internal/tasks/accounts';
import { defineGroup, subcommand } from '../program/command';
import type { CommonOptions } from '../program/command';
import { callsPerMinute } from './calls-per-minute';
import { withWorkersLedger } from '../ledger/open-ledger';
import { Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { print, printable, printJson, say } from '../terminal/output';
import { printTable } from '../terminal/table';

const SHOW = subcommand<CommonOptions>('show [key]', {
  summary: 'show the limit in force for each key, and why',
  description:
    'KEY is a service, or a service and one of its keys: plaid, batch.ios; of an account plaid/acme, ' +
    'batch/acme.ios. Without it, every key that was ever called.',
  examples: ['http-tasks rate show', 'http-tasks rate show plaid --json'],
  run: async (io, { json }, [name]) =>
    withWorkersLedger<ExitCode>(io, async ({ ledger }) => {
      const key = name === undefined ? undefined : parseKey(name);
      if (key) await requireKnown(io, ledger, key);
      const rows = (await ledger.rates.readRates()).filter(
        ({ service, keySlot }) => !key || (service === key.service && keySlot === key.keySlot),
      );
      if (json) printJson(io, rows.map(rateDocument));
      else if (rows.length === 0)
        print(
          io,
          key
            ? `${printable(keyName(key))} has no limit, and was not called yet.`
            : 'No limit is set, and nothing was called yet.',
        );
      else {
        const documents = rows.map((row) => ({ row, ...rateDocument(row) }));
        const number = (value: number | undefined): string => (value === undefined ? '' : value.toLocaleString('en'));
        printTable(
          io,
          ['Key', 'Calls/min', 'Because of', 'Standing limit', 'Now'],
          documents.map(({ row, callsPerMinute: limit, by, sweepId, standing, callsPerMinuteNow }) => [
            printable(keyName(row)),
            number(limit),
            by === 'sweep' ? `sweep ${printable(sweepId ?? '')}` : WHY[by],
            number(standing),
            number(callsPerMinuteNow),
          ]),
        );
      }
      return 0;
    }),
});

const WHY = {
  standing: 'standing limit',
  documented: "provider's documentation",
  learned: 'learned from refusals',
  rising: 'no limit known, rising',
} as const;

const SET = subcommand<CommonOptions>('set <key> <calls>', {
  summary: 'set the standing limit of a key, in calls a minute or a second',
  description:
    'It replaces the limit that the provider documents, applies from the next call on, and stays until rate clear.',
  examples: ['http-tasks rate set plaid 600', 'http-tasks rate set batch.ios 10/s'],
  run: async (io, { json }, [name = '', calls = '']) => {
    const key = parseKey(name);
    const limitPerMinute = callsPerMinute(calls, { name: 'CALLS', field: 'calls' });
    return withWorkersLedger<ExitCode>(io, async ({ ledger }) => {
      await requireKnown(io, ledger, key);
      await ledger.rates.setLimit({ ...key, limitPerMinute });
      return showOne(io, ledger, key, json);
    });
  },
});

const CLEAR = subcommand<CommonOptions>('clear <key>', {
  summary: 'remove the standing limit of a key',
  description:
    'The limit that the provider documents applies again; without one, sweeps start at 600 calls a minute and rise until they are refused.',
  examples: ['http-tasks rate clear plaid'],
  run: async (io, { json }, [name = '']) => {
    const key = parseKey(name);
    return withWorkersLedger<ExitCode>(io, async ({ ledger }) => {
      const row = await rowOf(ledger, key);
      // The limit of a key that no worker has any more can be cleared too.
      if (!row) await requireKnown(io, ledger, key);
      if (row?.standingPerMinute === undefined) {
        if (!json) say(io, `${printable(keyName(key))} had no standing limit.`);
      } else await ledger.rates.setLimit(key);
      return showOne(io, ledger, key, json);
    });
  },
});

async function showOne(io: Io, ledger: OpenedLedger, key: RateKey, json: boolean | undefined): Promise<ExitCode> {
  const row = await rowOf(ledger, key);
  if (json) printJson(io, row ? [rateDocument(row)] : []);
  else if (row) print(io, `${rateSentence(row)}.`);
  return 0;
}

async function rowOf({ rates }: OpenedLedger, { service, keySlot }: RateKey) {
  return (await rates.readRates()).find((row) => row.service === service && row.keySlot === keySlot);
}

/** `plaid`, or `batch.ios`. */
function parseKey(text: string): RateKey {
  const [, service, keySlot = ''] = /^([a-z][a-zA-Z0-9]*(?:\/[a-z0-9_-]+)?)(?:\.(.+))?$/.exec(text) ?? [];
  if (service === undefined)
    throw new Refusal(
      'Usage',
      `KEY must be a service, or a service and one of its keys, such as plaid, plaid/acme or batch.ios; not "${text}".`,
      'key',
    );
  return { service, keySlot };
}

/** @throws Refusal for a service or key that no worker of this ledger has used within the last day. */
async function requireKnown(io: Io, ledger: OpenedLedger, { service, keySlot }: RateKey): Promise<void> {
  const known = await ledger.workers.readServices();
  const own = known.filter((one) => one.service === service);
  const names = (services: typeof known): string =>
    [
      ...new Set(
        services.flatMap(({ service: name, keySlots }) =>
          keySlots.length === 0 ? [name] : keySlots.map((slot) => `${name}.${slot}`),
        ),
      ),
    ].join(', ');
  if (own.some(({ keySlots }) => (keySlots.length === 0 ? keySlot === '' : keySlots.includes(keySlot)))) return;
  // The limit of a service with one key can be set before its first worker is started.
  if (own.length === 0 && keySlot === '' && (await isKnownHere(io, service))) return;
  if (known.length === 0) {
    throw new Refusal(
      'Usage',
      `No worker has recorded its keys in this ledger within the last day, so "${keyName({ service, keySlot })}" ` +
        'cannot be checked. Start a worker first.',
      'key',
    );
  }
  throw new Refusal(
    'Usage',
    `No worker of this ledger has the key "${keyName({ service, keySlot })}"; allowed: ${names(known)}.`,
    'key',
  );
}

/** Whether this command knows a service, or an account of one, whose calls all have the same key. */
async function isKnownHere(io: Io, service: string): Promise<boolean> {
  const { readProviders } = await import('../users/provider-ids.js');
  const providers = await readProviders(io, undefined);
  const main = providers.find(mainServiceOf(service))?.service;
  if (main?.credentials.some(({ slotField }) => slotField !== undefined) ?? true) return false;
  return service === main?.name || providers.accounts.listed.includes(service);
}

/** `http-tasks rate …`: the standing limits on calls, for all workers of a ledger. */
export const rateCommand = defineGroup(
  'A standing limit applies to all calls under one key, of sweeps and of single runs, of all workers of this ledger, until it is ' +
    'cleared. The rate of a sweep (sweep --rate, sweep rate) limits sweeps only and ends with its sweep; the lowest counts.',
  [SHOW, SET, CLEAR],
);
