import { OUTCOMES } from 'temporal-http-tasks/internal/policy/outcome';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';

/** How a user or a step stands: its outcome, or that it has none yet. */
export type Standing = Outcome | 'unfinished';

/** How a standing is shown, and what it means for the reader. */
export interface StandingLook {
  name: string;
  meaning: string;
  /** Colours by the look of the page; chosen so that readers who see fewer colours can tell them apart. */
  light: string;
  dark: string;
}

/** In the order of the bars: what is gone, what was left alone, what is open, and what needs a person last. */
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

/** How each is shown, everywhere in the report. */
export const LOOKS: Readonly<Record<Standing, StandingLook>> = {
  removed: {
    name: 'removed',
    meaning: 'The provider confirmed it, or looking afterwards showed it.',
    light: '#28467d',
    dark: '#486fba',
  },
  alreadyGone: {
    name: 'already gone',
    meaning: 'Gone before this sweep; this ledger once saw or removed it.',
    light: '#89c3ff',
    dark: '#b9dcfe',
  },
  accepted: {
    name: 'accepted',
    meaning: 'The provider took the request and carries it out later.',
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
    meaning: 'Not begun, under way, or to be tried again.',
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
    meaning: 'It was sent, the answer was lost, and looking could not settle it.',
    light: '#e58618',
    dark: '#ed7b19',
  },
  failed: {
    name: 'failed',
    meaning: 'The provider refused it for good; nothing was changed.',
    light: '#861403',
    dark: '#c82b24',
  },
};

/** Numbers by standing; what does not occur is absent. */
export type Tally = Partial<Record<Standing, number>>;

/** The standings that occur, in the order of the bars. */
export function present(tally: Tally): [Standing, number][] {
  return STANDINGS.flatMap((standing): [Standing, number][] => {
    const number = tally[standing] ?? 0;
    return number > 0 ? [[standing, number]] : [];
  });
}

/** All of a tally together. */
export function sumOf(tally: Tally): number {
  return present(tally).reduce((sum, [, number]) => sum + number, 0);
}

/** Whether a text of the ledger is an outcome, and not `read`. */
export function isOutcome(text: string): text is Outcome {
  return OUTCOMES.some((outcome) => outcome === text);
}
