import type { Client } from '@temporalio/client';
import { readQueueSettings } from 'temporal-http-tasks/internal/config/settings';
import { serviceOf } from 'temporal-http-tasks/internal/operator/pollers';
import { unusableSearchAttributes } from 'temporal-http-tasks/internal/operator/search-attributes';
import { offboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import { inWords } from '../terminal/for-people';
import type { Io } from '../program/io';
import { findSchedule, toScheduleDocument } from '../schedule/document';
import type { ScheduleDocument } from '../schedule/document';
import { SWEEP_WORKFLOW } from '../sweep/sweep-run';
import { withTemporal } from '../temporal/client';
import type { TemporalOptions } from '../temporal/options';
import { messageOf } from './finding';
import type { Finding } from './finding';

/** Statuses of a schedule's last run that need attention. */
const BAD_ENDS: readonly string[] = ['failed', 'partial', 'timedOut', 'terminated'];

/** Checks the Temporal server, its namespace, the workers and the schedules of sweeps. */
export async function checkTemporal(io: Io, options: TemporalOptions): Promise<Finding[]> {
  try {
    return await withTemporal(io, options, async (client) => {
      const { namespace } = client.options;
      const reached: Finding = { check: 'temporal', state: 'ok', message: `reached, namespace ${namespace}` };
      const parts = [checkAttributes(client), checkWorkers(io, client), checkSchedules(client)];
      return [reached, ...(await Promise.all(parts)).flat()];
    });
  } catch (error) {
    return [{ check: 'temporal', state: 'fail', message: messageOf(error) }];
  }
}

async function checkAttributes(client: Client): Promise<Finding[]> {
  const check = 'searchAttributes';
  const { namespace } = client.options;
  try {
    const { missing, otherType } = await unusableSearchAttributes(client.connection.operatorService, namespace);
    if (otherType.length > 0)
      return [
        {
          check,
          state: 'fail',
          message: `${otherType.join(', ')} exist with another type than Keyword, so runs start without them`,
          toDo: `If nothing else uses it: temporal operator search-attribute remove --namespace ${namespace} --name ${otherType[0]}`,
        },
      ];
    if (missing.length === 0) return [{ check, state: 'ok', message: 'all exist' }];
    return [
      {
        check,
        state: 'warn',
        message: `${missing.join(', ')} do not exist yet; a worker creates them when it starts, if it may`,
      },
    ];
  } catch (error) {
    return [{ check, state: 'warn', message: `cannot be read: ${messageOf(error)}` }];
  }
}

async function checkWorkers({ env }: Io, client: Client): Promise<Finding[]> {
  const { taskQueue } = readQueueSettings(env);
  const { kind } = await serviceOf(client, taskQueue);
  if (kind === 'served') return [{ check: 'workers', state: 'ok', message: `poll the task queue ${taskQueue}` }];
  const message =
    kind === 'noWorker'
      ? `none polls the task queue ${taskQueue}`
      : `those of the task queue ${taskQueue} get no new workflows, because their version is not the current one`;
  return [{ check: 'workers', state: 'warn', message }];
}

async function checkSchedules(client: Client): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const { scheduleId, action } of client.schedule.list()) {
    if (action?.workflowType !== SWEEP_WORKFLOW) continue;
    const { description } = await findSchedule(client, scheduleId);
    findings.push(...findingsOf(await toScheduleDocument(client, description)));
  }
  return findings;
}

function findingsOf({ name, input, lastRuns, paused }: ScheduleDocument): Finding[] {
  const check = 'schedules';
  const { error } = offboardUsersInput.safeParse(input);
  if (error) {
    const [issue] = error.issues;
    const message = `${name}: its input is refused by this version: ${issue?.path.join('.')} ${issue?.message}`;
    return [{ check, state: 'fail', message, toDo: 'Create the schedule again with http-tasks schedule create.' }];
  }
  const last = lastRuns.at(-1);
  if (last && BAD_ENDS.includes(last.status))
    return [
      {
        check,
        state: 'warn',
        message: `${name}: the last run ended ${inWords(last.status)}${last.why === undefined ? '' : ` (${last.why})`}`,
        toDo: `See: http-tasks sweep results ${last.workflowId} --failed`,
      },
    ];
  return [{ check, state: 'ok', message: `${name}: ${paused ? 'paused' : 'its input is valid'}` }];
}
