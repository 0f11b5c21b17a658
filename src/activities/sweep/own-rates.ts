import type { ServiceSettings } from '../../config/service-settings';
import type { OpenedLedger } from '../../ledger/open-ledger';
import type { SweepRow } from '../../ledger/sweeps/sweep-types';
import type { CallBudgets } from '../call-budget';
import { refusal } from '../refusals';
import type { ChunkPlan, RateWish } from './contract';

/**
 * Stores or removes a sweep's own rate. The rate of a dry run is not stored, since it must change nothing for others:
 * each worker limits the dry run to the rate with which it was started.
 */
export async function setOwnRate(
  { rates }: Pick<OpenedLedger, 'rates'>,
  { sweepId, plan }: Pick<SweepRow, 'sweepId' | 'plan'>,
  wish: RateWish,
): Promise<void> {
  if (plan !== undefined && (JSON.parse(plan) as ChunkPlan).dryRun) return;
  const { service, keySlot, callsPerMinute } = wish;
  await rates.setSweepRate({
    sweepId,
    service,
    keySlot,
    ...(callsPerMinute !== null && { limitPerMinute: callsPerMinute }),
  });
}

/** @throws ApplicationFailure `Task.InvalidInput`, field `service` or `keySlot`, for a key that no call of this worker uses. */
export function refuseUnknownKey(
  services: ReadonlyMap<string, Pick<ServiceSettings, 'keySlots'>>,
  { service, keySlot }: Pick<RateWish, 'service' | 'keySlot'>,
): void {
  const keySlots = services.get(service)?.keySlots;
  if (keySlots === undefined)
    throw refusal('service', `is not a service of this worker; allowed: ${[...services.keys()].join(', ')}`);
  if (keySlots.length === 0 && keySlot !== '')
    throw refusal('keySlot', `must be left out: ${service} has only one key here`);
  if (keySlots.length > 0 && !keySlots.includes(keySlot))
    throw refusal('keySlot', `must name one of the keys of ${service}: ${keySlots.join(', ')}`);
}

/**
 * Keeps the sweep's rates in force while its calls are made; an unavailable ledger is asked again with the next
 * heartbeat.
 */
export function keepRates(budgets: Pick<CallBudgets, 'keepRatesOf'>, sweepId: string): void {
  budgets.keepRatesOf(sweepId).catch(() => undefined);
}
