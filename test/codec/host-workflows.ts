import {
  ApplicationFailure,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  executeChild,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';

import { httpTask, plaid } from '../../src/workflow';

export { httpTasksWorkflows, offboardUser, offboardUsers, runHttpTask } from '../../src/workflow';

/** A text for every place in which a workflow can leave one. */
export type Texts = Readonly<Record<TextPlace, string>>;

/** Turns a text around: so it travels to its place, and stands the right way round there and nowhere else. */
export function turned(text: string): string {
  return [...text].reverse().join('');
}

/** The places of {@link Texts}. */
export const TEXT_PLACES = [
  ...['activityInput', 'activityResult', 'activitySummary', 'activityFailure', 'activityFailureDetail', 'heartbeat'],
  ...[
    'localActivityResult',
    'timerSummary',
    'memo',
    'currentDetails',
    'childInput',
    'childSummary',
    'childDetails',
    'childMemo',
  ],
  ...[
    'queryInput',
    'queryResult',
    'signalInput',
    'updateInput',
    'updateResult',
    'carried',
    'failure',
    'failureDetail',
    'failureCause',
  ],
] as const;

export type TextPlace = (typeof TEXT_PLACES)[number];

/** The activities of a host. */
export interface HostActivities {
  say(input: string, turnedResult: string): Promise<string>;
  sayHere(turnedResult: string): Promise<string>;
  failOnce(turnedMessage: string, turnedDetail: string, turnedHeartbeat: string): Promise<void>;
}

export const askQuery = defineQuery<string, [string]>('ask');
export const tellSignal = defineSignal<[string]>('tell');
export const changeUpdate = defineUpdate<string, [string]>('change');

/**
 * Leaves each text in its place, waits for a signal and an update, continues as a new run, and fails with the last
 * ones.
 */
export async function leaveTexts(turnedTexts: Texts, carried?: string): Promise<void> {
  const texts = Object.fromEntries(Object.entries(turnedTexts).map(([place, text]) => [place, turned(text)])) as Texts;
  if (carried !== undefined) {
    throw ApplicationFailure.create({
      message: texts.failure,
      details: [texts.failureDetail],
      cause: new Error(texts.failureCause),
      nonRetryable: true,
    });
  }
  let signalled = false;
  let changed = false;
  setHandler(askQuery, () => texts.queryResult);
  setHandler(tellSignal, () => void (signalled = true));
  setHandler(changeUpdate, () => {
    changed = true;
    return texts.updateResult;
  });
  setCurrentDetails(texts.currentDetails);
  upsertMemo({ memo: texts.memo });
  const { say, failOnce } = proxyActivities<HostActivities>({
    startToCloseTimeout: '1 minute',
    heartbeatTimeout: '1 minute',
    retry: { initialInterval: '10ms' },
    summary: texts.activitySummary,
  });
  const { sayHere } = proxyLocalActivities<HostActivities>({ startToCloseTimeout: '1 minute' });
  await say(texts.activityInput, turnedTexts.activityResult);
  await sayHere(turnedTexts.localActivityResult);
  await failOnce(turnedTexts.activityFailure, turnedTexts.activityFailureDetail, turnedTexts.heartbeat);
  await sleep(1, { summary: texts.timerSummary });
  await executeChild(returnNothing, {
    args: [texts.childInput],
    staticSummary: texts.childSummary,
    staticDetails: texts.childDetails,
    memo: { memo: texts.childMemo },
  });
  await condition(() => signalled && changed);
  await continueAsNew<typeof leaveTexts>(turnedTexts, texts.carried);
}

export async function returnNothing(_text: string): Promise<void> {
  await sleep(1);
}

/** Says a text, waits for the signal, says it again. */
export async function sayTwice(text: string): Promise<string> {
  let signalled = false;
  setHandler(tellSignal, () => void (signalled = true));
  const { say } = proxyActivities<HostActivities>({
    startToCloseTimeout: '1 minute',
    retry: { initialInterval: '100ms' },
  });
  const first = await say('first', turned(text));
  await condition(() => signalled);
  return [first, await say('second', turned(text))].join();
}

/** Started without any input, it has a worker that can encrypt call with a token; its id names that worker's queue. */
export async function callWithToken(): Promise<void> {
  const [taskQueue = ''] = workflowInfo().workflowId.split('/');
  await httpTask(plaid.userItemsGet, { taskQueue })({ user_token: 'user-sandbox-of-nobody' });
}
