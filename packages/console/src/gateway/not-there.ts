import { isGrpcServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { GatewayRefusal } from './http-error';

/** gRPC status code INVALID_ARGUMENT, for an ID that no run can have, for example of 2,000 characters. */
const INVALID_ARGUMENT = 3;

/** Throws a GatewayRefusal if Temporal's error means that the run does not exist; otherwise throws the error itself. */
export function notThere(error: unknown, workflowId: string): never {
  const cause = error instanceof Error ? error.cause : undefined;
  const cannotBe = isGrpcServiceError(cause) && Number(cause.code) === INVALID_ARGUMENT;
  if (!cannotBe && !(error instanceof WorkflowNotFoundError)) throw error;
  throw new GatewayRefusal(404, 'NotFound', `There is no run "${workflowId}".`);
}
