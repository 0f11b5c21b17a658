import { storable } from '../values';
import type { SweepContext } from './sweep-context';
import { SweepConflictError } from './sweep-errors';

/** The columns of a sweep that name environments. */
interface EnvironmentColumns {
  environments: string | null;
  /** Earlier versions had this provider only. */
  plaid_environment: string | null;
}

/** Returns the environments for which a sweep's users were hashed, by service. */
export function environmentsOf(row: EnvironmentColumns): Record<string, string> {
  if (row.environments !== null) return JSON.parse(row.environments) as Record<string, string>;
  return row.plaid_environment === null ? {} : { plaid: row.plaid_environment };
}

/** Returns the services at which the users of a sweep have IDs; empty while its source is not read. */
export async function readServicesOf({ db }: Pick<SweepContext, 'db'>, sweepId: string): Promise<string[]> {
  const row = await db
    .selectFrom('sweeps')
    .select(['environments', 'plaid_environment'])
    .where('sweep_id', '=', storable(sweepId))
    .executeTakeFirst();
  return row ? Object.keys(environmentsOf(row)) : [];
}

/**
 * Records the environments of rows before the rows themselves, so that no row exists without them.
 *
 * @throws SweepConflictError when earlier rows were hashed for another environment of one of these providers.
 */
export async function noteEnvironments(
  { db }: SweepContext,
  sweepId: string,
  given: Readonly<Record<string, string>>,
): Promise<void> {
  for (;;) {
    const row = await db
      .selectFrom('sweeps')
      .select(['environments', 'plaid_environment'])
      .where('sweep_id', '=', storable(sweepId))
      .executeTakeFirstOrThrow();
    const known = environmentsOf(row);
    for (const [service, environment] of Object.entries(given)) {
      const before = known[service] ?? environment;
      if (before !== environment)
        throw new SweepConflictError(
          `environments: users of sweep ${sweepId} were read for the environment ${before} of ${service}, not ${environment}; ` +
            'set the environment of that service to the one before.',
        );
    }
    if (Object.keys(given).every((service) => Object.hasOwn(known, service)) && row.environments !== null) return;
    const { numUpdatedRows } = await db
      .updateTable('sweeps')
      .set({ environments: storable(JSON.stringify({ ...known, ...given })) })
      .where('sweep_id', '=', storable(sweepId))
      .where('environments', row.environments === null ? 'is' : '=', row.environments)
      .executeTakeFirst();
    // Another process has recorded one in between.
    if (numUpdatedRows > 0n) return;
  }
}
