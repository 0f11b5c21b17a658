import { isGrpcServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { GatewayRefusal } from './http-error';

/** gRPC's INVALID_ARGUMENT: the server says so of an id that no run can have, for example of 2,000 characters. */
const INVALID_ARGUMENT = 3;

/** Says that there is no such run, where that is what Temporal's error means. @throws GatewayRefusal, or the error itself. */
export function notThere(error: unknown, workflowId: string): never {
  const cause = error instanceof Error ? error.cause : undefined;
  const cannotBe = isGrpcServiceError(cause) && Number(cause.code) === INVALID_ARGUMENT;
  if (!cannotBe && !(error instanceof WorkflowNotFoundError)) throw error;
  throw new GatewayRefusal(404, 'NotFound', `There is no run "${workflowId}".`);
}
