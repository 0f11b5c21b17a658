import { z } from 'zod';
import { Refusal } from '../errors';

/** A time that is over or to come. */
export interface Period {
  from: Date;
  to: Date;
}

const instant = z.iso.datetime({ offset: true });

/** @throws Refusal */
export function readPeriod({ from, to }: { from?: string; to?: string }): Period {
  const period = { from: readInstant('from', from), to: readInstant('to', to) };
  if (period.from <= period.to) return period;
  throw new Refusal('Usage', '--to must not be before --from.', 'to');
}

function readInstant(option: 'from' | 'to', text: string | undefined): Date {
  if (text !== undefined && instant.safeParse(text).success) return new Date(text);
  const given = text === undefined ? 'is required' : `must be a moment, not "${text}"`;
  throw new Refusal('Usage', `--${option} ${given}; write it like 2030-01-31T03:00:00Z.`, option);
}
