import type { RateKey, RateRow, SweepRate } from 'temporal-http-tasks/internal/ledger/sweeps/rate-ledger';
import { rateInForce } from 'temporal-http-tasks/internal/policy/rate-in-force';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import { accountOf, mainServiceOf } from 'temporal-http-tasks/internal/tasks/accounts';
import { printable } from 'temporal-http-tasks/internal/policy/printable';

/** Rates below this share of a limit are those of a provider that refused calls. */
const SLOWED = 0.9;

/** What limits sweeps under one key, as `--json` prints it. */
export interface RateDocument {
  service: string;
  keySlot?: string;
  callsPerMinute: number;
  by: 'sweep' | 'standing' | 'documented' | 'learned' | 'rising';
  /** With `by: "sweep"`. */
  sweepId?: string;
  /** Right now; less than the limit after a provider refused calls. */
  callsPerMinuteNow: number;
  /** The limit on all calls that is set, also while a lower one counts. */
  standing?: number;
}

export function rateDocument(row: RateRow): RateDocument {
  const { service, keySlot, standingPerMinute, sweepCallsPerSecond } = row;
  const { callsPerMinute, ...why } = rateInForce(row);
  return {
    service,
    ...(keySlot !== '' && { keySlot }),
    callsPerMinute: rounded(callsPerMinute),
    ...why,
    callsPerMinuteNow: Math.min(rounded(sweepCallsPerSecond * 60), rounded(callsPerMinute)),
    ...(standingPerMinute !== undefined && { standing: standingPerMinute }),
  };
}

/** `plaid`, or `batch.ios` for a key of several. */
export function keyName({ service, keySlot }: RateKey): string {
  return keySlot === '' ? service : `${service}.${keySlot}`;
}

/** Returns the name of a service for people. */
export type ServiceTitles = (service: string) => string;

/** Says which limit counts for sweeps under a key. */
export function rateSentence(row: RateRow, titles: ServiceTitles = catalogueTitle): string {
  const title = keyTitle(row, titles);
  const rate = rateInForce(row);
  const now = row.sweepCallsPerSecond * 60;
  const slowed =
    now < SLOWED * rate.callsPerMinute && rate.callsPerMinute >= 60 ? `; now ${calls(now)}, after refusals` : '';
  switch (rate.by) {
    case 'sweep':
      return `${title} is limited to ${calls(rate.callsPerMinute)} by the sweep ${printable(rate.sweepId)}${slowed}`;
    case 'standing':
      return (
        `${title} is limited to ${calls(rate.callsPerMinute)} by the standing limit (http-tasks rate clear ` +
        `${printable(keyName(row))})${slowed}`
      );
    case 'documented':
      return `${title} is limited to ${calls(rate.callsPerMinute)} by the limit that it documents${slowed}`;
    case 'learned':
      return `${title} is limited to ${calls(now)} for now, learned from its refusals`;
    case 'rising':
      return `${title} has no known limit: rising from 600 calls/min, now ${calls(now)}`;
  }
}

/** Says which rate of its own a sweep has that does not count now: it has ended, or makes no calls. */
export function ownRateSentence(rate: SweepRate, titles: ServiceTitles = catalogueTitle): string {
  return (
    `this sweep's own rate was ${calls(rate.limitPerMinute)} for ${keyTitle(rate, titles)}; it counts only while ` +
    'the sweep makes calls'
  );
}

/** Says which rate of its own a sweep that has ended had. */
export function sweepRateSentence(rate: SweepRate, titles: ServiceTitles = catalogueTitle): string {
  return `${keyTitle(rate, titles)}: at most ${calls(rate.limitPerMinute)} by the sweep's own rate`;
}

/** {@link rateSentence} in a few words, for a line of progress. */
export function rateInShort(row: RateRow): string {
  const rate = rateInForce(row);
  const why = {
    sweep: rate.by === 'sweep' ? `sweep ${printable(rate.sweepId)}` : '',
    standing: 'standing limit',
    documented: 'documented',
    learned: 'learned',
    rising: 'rising',
  }[rate.by];
  return `${printable(keyName(row))} ${calls(rate.callsPerMinute)} (${why})`;
}

function catalogueTitle(service: string): string {
  const main = mainServiceOf(service);
  const account = accountOf(service);
  const title = CATALOGUE_SERVICES.find(({ name }) => name === main)?.title ?? main;
  return account === undefined ? title : `${title} (${account})`;
}

function keyTitle({ service, keySlot }: RateKey, titles: ServiceTitles): string {
  const title = printable(titles(service));
  return keySlot === '' ? title : `${title} (${printable(keySlot)})`;
}

function calls(perMinute: number): string {
  return `${rounded(perMinute).toLocaleString('en')} calls/min`;
}

function rounded(perMinute: number): number {
  return perMinute >= 10 ? Math.round(perMinute) : Math.round(perMinute * 10) / 10;
}
