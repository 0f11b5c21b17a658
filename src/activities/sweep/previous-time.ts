import { ONLY_ENVIRONMENT } from '../../policy/user-ids';
import { createHash } from 'node:crypto';
import { Context } from '@temporalio/activity';
import type { DoneStep } from '../../policy/done-steps';
import type { SourceSpec } from '../../policy/source-spec';
import type { TakeSnapshot } from './contract';
import { environmentOf } from './plan-user';
import type { SweepDependencies } from './sweep-dependencies';

/** For the first run of a series, and a run that no Schedule started: all users up to its own nominal time. */
const EVER = new Date(0).toISOString();

/** The parts of a run that its series depends on. */
export interface SeriesRun extends Pick<TakeSnapshot, 'sweepId' | 'scheduleId' | 'scheduledTime'> {
  source: SourceSpec;
  /** Steps that an earlier end must have done before a user is left out as done. */
  doneSteps: readonly DoneStep[];
  /** A dry run, which is part of a series of its own. */
  dryRun: boolean;
}

/**
 * Returns the value of `:previousScheduledTime` for the source: the nominal time of the latest earlier run of the same
 * Schedule up to which all users were done, so that a night that was missed, skipped, paused or failed is read again.
 * Runs count only if they could have done the same: over the same query (including its text) or custom source, in the
 * same environment, with the same steps. Dry runs count for dry runs. Undefined for a source that does not use the
 * time.
 */
export async function previousTime(
  { ledger, services, providers, sourceSettings }: SweepDependencies,
  input: SeriesRun,
): Promise<string | undefined> {
  const { source, sweepId, scheduleId, scheduledTime, doneSteps, dryRun } = input;
  const query = source.query === undefined ? undefined : sourceSettings.query(source.query);
  if (!source.custom && !query?.text.parameters.includes('previousScheduledTime')) return undefined;
  if (scheduleId === undefined) return EVER;
  const { namespace } = Context.current().info;
  const [first = '', ...more] = providers.names;
  const others = [...more, ...providers.accounts.listed];
  // A provider with only one environment does not matter.
  const elsewhere = others.flatMap((name) => {
    const environment = environmentOf(services, name);
    return environment === ONLY_ENVIRONMENT ? [] : [[name, environment]];
  });
  const parts = [
    namespace,
    scheduleId,
    query === undefined ? source.custom : [query.name, query.text.parts, query.text.parameters],
    environmentOf(services, first),
    doneSteps,
    dryRun,
    ...elsewhere,
  ];
  // The options of a custom source may contain anything, and the ledger would store this text unchanged.
  const series = createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
  return (await ledger.sweeps.joinSeries({ sweepId, series, scheduledAt: scheduledTime })) ?? EVER;
}
