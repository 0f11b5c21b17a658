import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import { isEncrypted } from './encryption-codec';

type Info = Context['info'];
type HistoryEvent = NonNullable<
  NonNullable<Awaited<ReturnType<Client['workflowService']['getWorkflowExecutionHistory']>>['history']>['events']
>[number];

/** Number of events per page of a history. */
const EVENTS_A_PAGE = 100;

/**
 * Returns whether Temporal stores the inputs of the current activity and of its run encrypted. Reads them from the
 * server, because the client that started the run or scheduled the activity may have had no key.
 */
export async function isStoredEncrypted(): Promise<boolean> {
  const { client, info } = Context.current();
  if (!info.workflowExecution) return isEncryptedAlone(client, info);
  if (!(await isRunEncrypted(client, info))) return false;
  // A local activity is scheduled by this process, which has just decoded the run's input.
  return info.isLocal || areEncrypted(await scheduledInput(client, info));
}

/** Returns whether the input of the workflow's run, or of a standalone activity, is stored encrypted. */
export async function isStartEncrypted(client: Client, info: Info): Promise<boolean> {
  return info.workflowExecution ? isRunEncrypted(client, info) : isEncryptedAlone(client, info);
}

/** Returns whether the arguments of an update of the current run are stored encrypted. False if there are none. */
export async function isUpdateEncrypted(
  client: Client,
  { namespace, workflowExecution: execution }: Info,
  updateId: string,
): Promise<boolean> {
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await client.workflowService.getWorkflowExecutionHistoryReverse({
      namespace,
      execution,
      maximumPageSize: EVENTS_A_PAGE,
      nextPageToken,
    });
    // After a reset the request is in the admitted event.
    const requests = page.history?.events?.map(
      ({
        workflowExecutionUpdateAcceptedEventAttributes: accepted,
        workflowExecutionUpdateAdmittedEventAttributes: admitted,
      }) => accepted?.acceptedRequest ?? admitted?.request,
    );
    const found = requests?.find((request) => request?.meta?.updateId === updateId);
    if (found) {
      const payloads = found.input?.args?.payloads ?? [];
      return payloads.length > 0 && areEncrypted(payloads);
    }
    nextPageToken = page.nextPageToken;
  } while (nextPageToken && nextPageToken.length > 0);
  return false;
}

/** Returns whether an activity of the current run has completed. */
export async function hasBegun(client: Client, info: Info): Promise<boolean> {
  let nextPageToken: Uint8Array | undefined;
  do {
    const { namespace, workflowExecution: execution } = info;
    const page = await client.workflowService.getWorkflowExecutionHistory({
      namespace,
      execution,
      maximumPageSize: EVENTS_A_PAGE,
      nextPageToken,
    });
    if (page.history?.events?.some(isDone)) return true;
    nextPageToken = page.nextPageToken;
  } while (nextPageToken && nextPageToken.length > 0);
  return false;
}

/** Returns whether an event is a completed activity; a local one is recorded as a marker. */
function isDone({
  activityTaskCompletedEventAttributes: activity,
  markerRecordedEventAttributes: marker,
}: HistoryEvent): boolean {
  return Boolean(activity) || (marker?.markerName === 'core_local_activity' && !marker.failure);
}

async function isRunEncrypted(client: Client, { namespace, workflowExecution: execution }: Info): Promise<boolean> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace,
    execution,
    maximumPageSize: 1,
  });
  return areEncrypted(history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads);
}

async function isEncryptedAlone(
  client: Client,
  { namespace, activityId, activityRunId: runId }: Info,
): Promise<boolean> {
  const { input } = await client.workflowService.describeActivityExecution({
    namespace,
    activityId,
    runId,
    includeInput: true,
  });
  return areEncrypted(input?.payloads);
}

/** Searches from the end of the history, where the event of an activity in progress usually is. */
async function scheduledInput(
  client: Client,
  { namespace, workflowExecution: execution, activityId }: Info,
): Promise<Payload[]> {
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await client.workflowService.getWorkflowExecutionHistoryReverse({
      namespace,
      execution,
      maximumPageSize: EVENTS_A_PAGE,
      nextPageToken,
    });
    const scheduled = page.history?.events?.map(({ activityTaskScheduledEventAttributes: attributes }) => attributes);
    const found = scheduled?.find((attributes) => attributes?.activityId === activityId);
    if (found) return found.input?.payloads ?? [];
    nextPageToken = page.nextPageToken;
  } while (nextPageToken && nextPageToken.length > 0);
  throw new Error(`The history of the run has no activity ${activityId}.`);
}

function areEncrypted(payloads: readonly Payload[] | null | undefined): boolean {
  return (payloads ?? []).every(isEncrypted);
}
