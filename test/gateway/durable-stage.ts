import type { GatewayOptions } from '@temporal-http-tasks/console/internal/gateway/gateway';
import { openSweepPlace } from '../support/sweep-runs';
import type { SweepPlace } from '../support/sweep-runs';
import { temporalAddress } from '../support/temporal';
import { openGateway } from './stage';
import type { GatewayStage } from './stage';

/** A gateway whose Temporal client, worker and providers are real. */
export interface DurableStage {
  place: SweepPlace;
  gateway: GatewayStage;
}

/** Opens a stage where Plaid knows the user `usr_1` with two items. */
export async function openDurableStage(): Promise<DurableStage> {
  const place = await openSweepPlace();
  place.simulators.plaid.seed({ users: [{ userId: 'usr_1', items: ['item-1', 'item-2'] }] });
  await place.startWorker();
  const [env, taskQueue] = [place.env, place.taskQueue];
  return { place, gateway: await openGateway({ env, taskQueue, temporal: temporalOf(place) }) };
}

/** The Temporal server of the tests, as a gateway takes it. */
export function temporalOf({ client }: Pick<SweepPlace, 'client'>): NonNullable<GatewayOptions['temporal']> {
  return {
    client,
    where: 'here',
    ui: 'http://localhost:8233',
    address: temporalAddress(),
    namespace: 'default',
    explain: () => undefined,
  };
}
