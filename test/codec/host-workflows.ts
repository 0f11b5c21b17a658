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
} from '@temporalio/workflow';

export { httpTasksWorkflows, offboardUser, offboardUsers, runHttpTask } from '../../src/workflow';

/** A text for every place in which a workflow can leave one. */
export type Texts = Readonly<Record<TextPlace, string>>;

/** The places of {@link Texts}. */
export const TEXT_PLACES = [
  ...['activityInput', 'activityResult', 'activitySummary', 'activityFailure', 'activityFailureDetail', 'heartbeat'],
  ...['localActivityResult', 'timerSummary', 'memo', 'currentDetails', 'childInput', 'childSummary', 'childDetails', 'childMemo'],
  ...['queryInput', 'queryResult', 'signalInput', 'updateInput', 'updateResult', 'carried', 'failure', 'failureDetail', 'failureCause'],
] as const;

export type TextPlace = (typeof TEXT_PLACES)[number];

/** The activities of a host. */
export interface HostActivities {
  say(texts: Texts): Promise<string>;
  sayHere(text: string): Promise<string>;
  failOnce(texts: Texts): Promise<void>;
}

export const askQuery = defineQuery<string, [string]>('ask');
export const tellSignal = defineSignal<[string]>('tell');
export const changeUpdate = defineUpdate<string, [string]>('change');

/** Leaves each text in its place, waits for a signal and an update, goes on as a new run, and fails with the last ones. */
export async function leaveTexts(texts: Texts, carried?: string): Promise<void> {
  if (carried !== undefined) {
    throw ApplicationFailure.create({ message: texts.failure, details: [texts.failureDetail], cause: new Error(texts.failureCause), nonRetryable: true });
  }
  let told = false;
  let changed = false;
  setHandler(askQuery, () => texts.queryResult);
  setHandler(tellSignal, () => void (told = true));
  setHandler(changeUpdate, () => {
    changed = true;
    return texts.updateResult;
  });
  setCurrentDetails(texts.currentDetails);
  upsertMemo({ memo: texts.memo });
  const { say, failOnce } = proxyActivities<HostActivities>({ startToCloseTimeout: '1 minute', retry: { initialInterval: '10ms' }, summary: texts.activitySummary });
  const { sayHere } = proxyLocalActivities<HostActivities>({ startToCloseTimeout: '1 minute' });
  await say(texts);
  await sayHere(texts.localActivityResult);
  await failOnce(texts);
  await sleep(1, { summary: texts.timerSummary });
  await executeChild(returnNothing, {
    args: [texts.childInput],
    staticSummary: texts.childSummary,
    staticDetails: texts.childDetails,
    memo: { memo: texts.childMemo },
  });
  await condition(() => told && changed);
  await continueAsNew<typeof leaveTexts>(texts, texts.carried);
}

export async function returnNothing(_text: string): Promise<void> {
  await sleep(1);
}
