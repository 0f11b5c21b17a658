import { digestOfRules } from './log/contents';
import { enqueue } from './log/queue';
import type { PolicyChange, WorkersPolicy } from './ledger';
import type { LedgerDatabase } from './store';
import { storable, storableOrNull } from './values';

/** See `Ledger.countUsersOfDay`. */
export async function countUsersOfDay({ db }: LedgerDatabase, day: string): Promise<number> {
  const row = await db.selectFrom('policy_days').select('users').where('day', '=', day).executeTakeFirst();
  return row?.users ?? 0;
}

/** See `Ledger.recordPolicy`. Two workers that start at the same time may both write it. */
export async function recordPolicy(
  { db }: LedgerDatabase,
  { namespace, taskQueue, digest, rules, worker }: WorkersPolicy,
): Promise<boolean> {
  const last = await db
    .selectFrom('policy_log')
    .select('digest')
    .where('namespace', '=', storable(namespace))
    .where('task_queue', '=', storable(taskQueue))
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  if ((last?.digest ?? undefined) === digest) return false;
  const at = new Date().toISOString();
  await db.transaction().execute(async (transaction) => {
    await transaction
      .insertInto('policy_log')
      .values({
        namespace: storable(namespace),
        task_queue: storable(taskQueue),
        digest: digest ?? null,
        rules: storableOrNull(rules),
        worker: storable(worker),
        at,
      })
      .execute();
    const content = {
      namespace: storable(namespace),
      taskQueue: storable(taskQueue),
      digest: digest ?? null,
      rules: digestOfRules(storableOrNull(rules)),
      worker: storable(worker),
      at,
    };
    await enqueue(transaction, { kind: 'policy', ref: digest ?? '', content });
  });
  return true;
}

/** See `Ledger.listPolicies`. */
export async function listPolicies({ db }: LedgerDatabase, { limit }: { limit: number }): Promise<PolicyChange[]> {
  const rows = await db.selectFrom('policy_log').selectAll().orderBy('id', 'desc').limit(limit).execute();
  return rows.map((row) => ({
    namespace: row.namespace,
    taskQueue: row.task_queue,
    ...(row.digest !== null && { digest: row.digest }),
    ...(row.rules !== null && { rules: row.rules }),
    worker: row.worker,
    at: new Date(row.at).toISOString(),
  }));
}
