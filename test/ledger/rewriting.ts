import { subject } from './databases';

const REST = 'step, phase, sweep_id, subject, task, service, environment, outcome, at';

/** Adds copies of receipts, with other values in some columns. */
export function copied(
  where: string,
  changed: Partial<Record<'workflow_id' | 'run_id' | 'activity_id' | 'seq', string>>,
): string {
  const place = { workflow_id: 'workflow_id', run_id: 'run_id', activity_id: 'activity_id', seq: 'seq', ...changed };
  const values = [...Object.values(place), '99', REST].join(', ');
  return `insert into receipts (${Object.keys(place).join(', ')}, attempt, ${REST}) select ${values} from receipts where ${where}`;
}

const SETTLED = `workflow_id = 'w' and run_id = 'r1' and phase = 'settled'`;

/** What someone with access to the database does without a trace in it, and the kind that is named. */
export const CHANGES: readonly (readonly [name: string, kind: string, ...statements: string[]])[] = [
  [
    'an outcome in a sweep is changed',
    'sweep',
    `update receipts set outcome = 'removed' where workflow_id = 'first' and outcome = 'failed'`,
  ],
  [
    'a user of a sweep is another one',
    'sweep',
    `update receipts set subject = '${subject('x')}' where workflow_id = 'first' and seq = 3`,
  ],
  [
    'a receipt of a sweep is removed',
    'sweep',
    `delete from receipts where workflow_id = 'first' and seq = 7 and phase = 'settled'`,
  ],
  [
    'a user of a sweep is removed everywhere',
    'sweep',
    `delete from receipts where workflow_id = 'first' and seq = 7`,
    `delete from sealed_hashes where sweep = (select number from sweeps where sweep_id = 'first')`,
    `delete from targets where seq = 7 and sweep = (select number from sweeps where sweep_id = 'first')`,
  ],
  ['a receipt is added to a sweep', 'sweep', copied(`workflow_id = 'first' and seq = 7`, {})],
  [
    'receipts of a user are moved to another one',
    'sweep',
    `update receipts set seq = 1000 where workflow_id = 'first' and seq = 3`,
  ],
  ['the number of users of a sweep is changed', 'sweep', `update sweeps set total = 99 where sweep_id = 'first'`],
  ['the source of a sweep is changed', 'sweep', `update sweeps set rejected = 0 where sweep_id = 'second'`],
  [
    'the name of the source of a sweep is changed',
    'sweep',
    `update sweeps set snapshot_report = replace(snapshot_report, 'closed', 'other') where sweep_id = 'first'`,
  ],
  [
    'who asked for a sweep is changed',
    'sweep',
    `update sweeps set about = '{"requestedBy":"eve"}' where sweep_id = 'first'`,
  ],
  ['a sweep is removed', 'sweep', `delete from sweeps where sweep_id = 'second'`],
  [
    'a sealed sweep is added',
    'sweep',
    `insert into sweeps (sweep_id, skip_done, status, created_at, merkle_root, leaves) values ('made', 0, 'completed', '2030-01-31T10:00:00Z', 'ab', 0)`,
  ],
  ['receipts of no sweep are added', 'sweep', copied(`workflow_id = 'first' and seq = 7`, { workflow_id: `'made'` })],
  [
    'what a running sweep recorded is removed',
    'part',
    `delete from receipts where workflow_id = 'running' and seq > 90`,
  ],
  [
    'what a running sweep recorded is changed',
    'part',
    `update receipts set outcome = 'removed' where workflow_id = 'running' and outcome = 'failed'`,
  ],
  [
    'a running sweep is removed',
    'part',
    `delete from receipts where workflow_id = 'running'`,
    `delete from sweeps where sweep_id = 'running'`,
  ],
  ['an outcome of a run is changed', 'run', `update receipts set outcome = 'failed' where ${SETTLED}`],
  ['the user of a run is another one', 'run', `update receipts set subject = '${subject('x')}' where ${SETTLED}`],
  ['a receipt of a run is removed', 'run', `delete from receipts where ${SETTLED}`],
  ['a run is removed', 'run', `delete from receipts where workflow_id = 'w' and run_id = 'r1'`],
  ['a receipt is added to a run', 'run', copied(SETTLED, { activity_id: `'made'` })],
  ['a run is added', 'run', copied(SETTLED, { run_id: `'made'` })],
  ['a lone call is removed', 'call', `delete from receipts where run_id = 'lone'`],
  [
    'what is left to be put right is changed',
    'run',
    `update compensation_log set remedy = 'nothing' where run_id = 'r2'`,
  ],
  ['what is left to be put right is removed', 'run', `delete from compensation_log where run_id = 'r2'`],
  [
    'what is left to be put right is added',
    'run',
    `insert into compensation_log (workflow_id, run_id, position, environment, subject, step, outcome, remedy, evidence, at) select 'made', 'made', position, environment, subject, step, outcome, remedy, evidence, at from compensation_log`,
  ],
  ['the reason of a hold is changed', 'hold', `update hold_log set reason = 'none' where hold_id = 'h'`],
  ['an entry about a hold is removed', 'hold', `delete from hold_log where hold_id = 'h'`],
  [
    'an entry about a hold is added',
    'hold',
    `insert into hold_log (hold_id, change, subjects, at) values ('h', 'lifted', 1, '2026-01-31T10:00:00Z')`,
  ],
  ['a hold is lifted without an entry', 'hold', `delete from holds where hold_id = 'h'`],
  ['a hold is about another user', 'hold', `update holds set subject = '${subject('x')}' where hold_id = 'h'`],
  ['the reason of a hold in force is changed', 'hold', `update holds set reason = 'none' where hold_id = 'h'`],
  [
    'a hold is set without an entry',
    'hold',
    `insert into holds (hold_id, subject, at) values ('made', '${subject('x')}', '2026-01-31T10:00:00Z')`,
  ],
  [
    'a lifted hold is in force again',
    'hold',
    `insert into holds (hold_id, subject, at) values ('lifted', '${subject('u3')}', '2026-01-31T10:00:00Z')`,
  ],
  ['the reason of a stop is changed', 'stop', `update stops set reason = 'none'`],
  ['a stop is removed', 'stop', `delete from stops`],
  ['a stop is added', 'stop', `insert into stops (reason, set_by, at) values ('made', 'eve', '2026-01-31T10:00:00Z')`],
  ['who approved a sweep is changed', 'approval', `update sweeps set approved_by = 'eve' where sweep_id = 'asked'`],
  [
    'an approval is removed',
    'approval',
    `update sweeps set approved_by = null, approved_at = null where sweep_id = 'asked'`,
  ],
  [
    'an approval is added',
    'approval',
    `update sweeps set approved_by = 'eve', approved_at = '2026-01-31T10:00:00Z' where sweep_id = 'running'`,
  ],
  ['a signature is changed', 'approval', `update sweep_approvals set signature = 'b3RoZXI'`],
  ['a signature is removed', 'approval', `delete from sweep_approvals`],
  [
    'a signature is added',
    'approval',
    `insert into sweep_approvals (sweep_id, approver, signature, at) values ('asked', 'eve', 'c2ln', '2026-01-31T10:00:00Z')`,
  ],
  ['the rules of a policy are changed', 'policy', `update policy_log set rules = '{}'`],
  ['a policy is removed', 'policy', `delete from policy_log`],
  [
    'a policy is added',
    'policy',
    `insert into policy_log (namespace, task_queue, worker, at) values ('default', 'q', 'eve', '2026-01-31T10:00:00Z')`,
  ],
  ['the log is emptied', 'log', `delete from log_leaves`],
  ['leaves are removed from the end of the log', 'log', `delete from log_leaves where number > 2`],
  [
    'two leaves are exchanged',
    'log',
    `update log_leaves set number = -1 - number where number < 2`,
    `update log_leaves set number = 2 + number where number < 0`,
  ],
  ['the state of the log is changed', 'log', `update log_state set size = size - 1`],
  [
    'what was hashed is removed',
    'hold',
    `update hold_log set reason = 'none' where hold_id = 'h'`,
    `delete from log_contents where kind = 'hold'`,
  ],
  [
    'what was hashed is changed too',
    'run',
    `update log_contents set content = replace(content, 'r1', 'r9') where kind = 'run'`,
  ],
  [
    'what was hashed is filed as a purge',
    'purge',
    `update receipts set outcome = 'failed' where ${SETTLED}`,
    `update log_contents set kind = 'purge', ref = '' where kind = 'run'`,
  ],
  [
    'a content of no leaf accounts for an entry',
    'hold',
    `insert into hold_log (hold_id, change, subjects, at) values ('made', 'lifted', 1, '2026-01-31T10:00:00Z')`,
    `insert into log_contents (number, kind, ref, content) select 1000, 'hold', cast(max(id) as text), '{}' from hold_log`,
  ],
];
