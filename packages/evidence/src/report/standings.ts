import { OUTCOMES } from 'temporal-http-tasks/internal/policy/outcome';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';

/** The state of a user or a step: its outcome, or that it has none yet. */
export type Standing = Outcome | 'unfinished';

/** The look of a standing, and its meaning for the reader. */
export interface StandingLook {
  name: string;
  meaning: string;
  /** Colours for light and dark pages, chosen so that readers with colour blindness can distinguish them. */
  light: string;
  dark: string;
}

/** In the order of the bars: deleted, left out on purpose, unfinished, and last what needs attention. */
export const STANDINGS: readonly Standing[] = [
  'removed',
  'alreadyGone',
  'accepted',
  'skipped',
  'held',
  'unfinished',
  'notFound',
  'unknown',
  'failed',
];

/** The look of each standing everywhere in the report. */
export const LOOKS: Readonly<Record<Standing, StandingLook>> = {
  removed: {
    name: 'removed',
    meaning: 'The provider confirmed it, or a follow-up read did.',
    light: '#28467d',
    dark: '#486fba',
  },
  alreadyGone: {
    name: 'already gone',
    meaning: 'Deleted before this sweep; this ledger saw or removed it earlier.',
    light: '#89c3ff',
    dark: '#b9dcfe',
  },
  accepted: {
    name: 'accepted',
    meaning: 'The provider accepted the request and processes it later: not known to be deleted.',
    light: '#287e65',
    dark: '#50cea1',
  },
  skipped: {
    name: 'skipped',
    meaning: 'Not done on purpose, for example because there was nothing to do.',
    light: '#9e9e9e',
    dark: '#8c8c8c',
  },
  held: { name: 'on hold', meaning: 'A legal hold forbids it.', light: '#b445d0', dark: '#dd89f6' },
  unfinished: {
    name: 'not finished',
    meaning: 'Not started, in progress, or to be tried again.',
    light: '#e7eaed',
    dark: '#333639',
  },
  notFound: {
    name: 'not found',
    meaning: 'The provider does not know it and neither does this ledger: it may be the wrong environment.',
    light: '#f9c513',
    dark: '#f9d645',
  },
  unknown: {
    name: 'unknown',
    meaning: 'It was sent, the response was lost, and a follow-up read was inconclusive.',
    light: '#e58618',
    dark: '#ed7b19',
  },
  failed: {
    name: 'failed',
    meaning: 'The provider rejected it permanently; nothing was changed.',
    light: '#861403',
    dark: '#c82b24',
  },
};

/** Numbers by standing; a standing that does not occur is absent. */
export type Tally = Partial<Record<Standing, number>>;

/** Returns the standings that occur, in the order of the bars. */
export function present(tally: Tally): [Standing, number][] {
  return STANDINGS.flatMap((standing): [Standing, number][] => {
    const number = tally[standing] ?? 0;
    return number > 0 ? [[standing, number]] : [];
  });
}

/** Returns the total of a tally. */
export function sumOf(tally: Tally): number {
  return present(tally).reduce((sum, [, number]) => sum + number, 0);
}

/** Returns whether a text of the ledger is an outcome, and not `read`. */
export function isOutcome(text: string): text is Outcome {
  return OUTCOMES.some((outcome) => outcome === text);
}
