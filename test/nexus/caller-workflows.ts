import { createNexusServiceClient, executeChild, isCancellation } from '@temporalio/workflow';
import type { offboardUser } from 'temporal-http-tasks/workflow';
import { offboardingFailureOf, offboardingService } from '../../src/nexus';
import type { OffboardingFailure, OffboardResult, OffboardUserInput } from '../../src/nexus';

/** A call of one operation, as a workflow in another namespace makes it. */
export interface Call {
  endpoint: string;
  operation: 'offboardUser' | 'offboardUsers' | 'runHttpTask';
  input: unknown;
}

/** How the operation ended. */
export interface CallEnd {
  result?: unknown;
  failure?: OffboardingFailure | { type: 'untyped'; message: string };
}

/** Calls an operation and returns how it ended; a cancellation is rethrown. */
export async function callOperation({ endpoint, operation, input }: Call): Promise<CallEnd> {
  const offboarding = createNexusServiceClient({ service: offboardingService, endpoint });
  try {
    return {
      result: await offboarding.executeOperation(operation, input as never, { scheduleToCloseTimeout: '60 seconds' }),
    };
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { failure: offboardingFailureOf(error) ?? { type: 'untyped', message: String(error) } };
  }
}

/** As the README shows it: typed from input to result. */
export async function closeAccount({
  endpoint,
  input,
}: {
  endpoint: string;
  input: OffboardUserInput;
}): Promise<OffboardResult['status']> {
  const offboarding = createNexusServiceClient({ service: offboardingService, endpoint });
  const { status } = await offboarding.executeOperation('offboardUser', input);
  return status;
}

/** The same as a child workflow, on the task queue of the workers that have it. */
export async function closeAccountByChild({
  taskQueue,
  input,
}: {
  taskQueue: string;
  input: OffboardUserInput;
}): Promise<CallEnd> {
  try {
    return { result: await executeChild<typeof offboardUser>('offboardUser', { taskQueue, args: [input] }) };
  } catch (error) {
    return { failure: offboardingFailureOf(error) ?? { type: 'untyped', message: String(error) } };
  }
}
