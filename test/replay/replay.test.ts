import { Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { version } from '../../package.json';
import { silenceTemporal } from '../support/quiet-runtime';
import { workflowBundle } from '../support/workflow-bundle';
import { historyNames, readHistory } from './histories';

let names: string[];

beforeAll(async () => {
  silenceTemporal();
  names = await historyNames();
});

type History = Awaited<ReturnType<typeof readHistory>>;

async function replay(history: History): Promise<void> {
  await Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, history);
}

/** The attributes of the first activity that the run scheduled. */
function firstActivity({ events }: History) {
  const scheduled = events
    ?.map(({ activityTaskScheduledEventAttributes: attributes }) => attributes)
    .find((attributes) => attributes);
  if (!scheduled) throw new Error('This history schedules no activity.');
  return scheduled;
}

it('replays every recorded history with the present workflows', async () => {
  expect(names.filter((name) => name.startsWith(`${version}/`)).length).toBeGreaterThanOrEqual(27);
  // What the coming version does in another way than the released one.
  expect(names.filter((name) => name.startsWith('next/')).length).toBeGreaterThanOrEqual(10);
  const failed: string[] = [];
  for (const name of names) {
    await replay(await readHistory(name)).catch((error: unknown) => failed.push(`${name}: ${String(error)}`));
  }
  expect(failed).toEqual([]);
});

describe('finds that a history was made by other code when', () => {
  const completed = `${version}/offboard-user-completed`;

  it('another task was called first', async () => {
    const history = await readHistory(completed);
    firstActivity(history).activityType = { name: 'plaid.userRemove' };
    await expect(replay(history)).rejects.toThrow(DeterminismViolationError);
  });

  it('its calls were numbered otherwise', async () => {
    const history = await readHistory(completed);
    firstActivity(history).activityId = '7-plaid.items';
    await expect(replay(history)).rejects.toThrow(DeterminismViolationError);
  });

  it('it ended after fewer steps', async () => {
    const history = await readHistory(completed);
    const dryRun = await readHistory(`${version}/offboard-user-dry-run`);
    const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
    // The input of a run that was to change something, over the events of one that only looked.
    dryRun.events![0]!.workflowExecutionStartedEventAttributes!.input = started?.input;
    await expect(replay(dryRun)).rejects.toThrow(DeterminismViolationError);
  });

  it('it is the history of another workflow', async () => {
    const history = await readHistory(`${version}/run-http-task-of-the-catalogue`);
    history.events![0]!.workflowExecutionStartedEventAttributes!.workflowType = { name: 'offboardUser' };
    await expect(replay(history)).rejects.toThrow(DeterminismViolationError);
  });
});
