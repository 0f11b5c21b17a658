import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import type { DeferredUser, SettledUser } from '../../ledger/sweeps/sweep-types';
import type { Metrics } from '../../observability/metrics';
import type { SweepActivities } from '../sweep/contract';
import { worstOf } from '../sweep/worst-of';

type Tags = Readonly<Record<string, string>>;

/** Wraps the sweeps of a ledger to count users as soon as their outcomes are recorded. */
export function observeSweeps(sweeps: SweepLedger, metrics: Metrics): SweepLedger {
  const users = tagsBy('outcome', { phase: 'users' });
  const bulk = tagsBy('outcome', { phase: 'bulk' });
  const statuses = tagsBy('status', {});
  return {
    ...sweeps,
    flushWave: async (flush) => {
      await sweeps.flushWave(flush);
      if (metrics.isOn) for (const user of flush.users) metrics.add('http_tasks_sweep_users', users(endOf(user)));
    },
    recordBulk: async (record) => {
      await sweeps.recordBulk(record);
      metrics.add('http_tasks_sweep_users', bulk(record.outcome), record.users.length);
    },
    setStatus: async (change) => {
      await sweeps.setStatus(change);
      metrics.add('http_tasks_sweep_statuses', statuses(change.status));
    },
  };
}

/** Wraps the activities of sweeps to count the users of a source once all are known. */
export function observeSnapshots(activities: SweepActivities, metrics: Metrics): SweepActivities {
  const none = {};
  return {
    ...activities,
    'httpTasks.takeSnapshot': async (input) => {
      const snapshot = await activities['httpTasks.takeSnapshot'](input);
      metrics.add('http_tasks_sweep_users_found', none, snapshot.total);
      return snapshot;
    },
  };
}

function endOf(user: SettledUser | DeferredUser): string {
  if (user.kind === 'deferred') return 'deferred';
  if ((user.bulkApps ?? []).length > 0) return 'waitingForBulk';
  return worstOf(user) ?? 'skipped';
}

/** Returns tags with one variable value; the same object for the same value. */
function tagsBy(name: string, fixed: Tags): (value: string) => Tags {
  const known = new Map<string, Tags>();
  return (value) => {
    let tags = known.get(value);
    if (!tags) {
      tags = { ...fixed, [name]: value };
      known.set(value, tags);
    }
    return tags;
  };
}
