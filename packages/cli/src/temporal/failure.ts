import { isGrpcServiceError } from '@temporalio/client';
import { CommandFailure } from '../program/errors';

/** A sentence for the person who has to act, instead of gRPC's own words about sockets and deadlines. */
export function asCommandFailure(error: unknown, where: string): unknown {
  if (!(error instanceof Error)) return error;
  const cause = isGrpcServiceError(error) ? error : error.cause;
  if (error.name === 'TransportError') return ofNativeConnection(error.message, where);
  if (/^Failed to connect before the deadline|^Failed to establish/i.test(error.message)) return unreachable(where);
  if (!isGrpcServiceError(cause)) return error.name === 'NamespaceNotFoundError' ? noNamespace(where) : error;
  switch (Number(cause.code)) {
    case GRPC.deadlineExceeded:
    case GRPC.unavailable:
      return unreachable(where);
    case GRPC.notFound:
      return unavailable(`The Temporal server at ${where} says: ${sentence(cause.details)}`);
    case GRPC.permissionDenied:
    case GRPC.unauthenticated:
      return loginRefused(where);
    default:
      return unavailable(`The Temporal server at ${where} responded: ${sentence(cause.details)}`);
  }
}

/** The worker's own (native) connection has words only: gRPC's of the code, and rustls' and tonic's of TLS. */
function ofNativeConnection(message: string, where: string): CommandFailure {
  if (/^Namespace .* not found/.test(message)) return noNamespace(where);
  if (/valid authentication credentials|not have permission/.test(message)) return loginRefused(where);
  if (/InvalidContentType|certificate|HandshakeFailure|AlertReceived|\btls\b|rustls/i.test(message)) {
    return unavailable(
      `TLS with the Temporal server at ${where} failed; check TEMPORAL_TLS, the TEMPORAL_TLS_* settings, and whether the server uses TLS.`,
    );
  }
  return unreachable(where);
}

function loginRefused(where: string): CommandFailure {
  return unavailable(`The Temporal server at ${where} refuses the login; check TEMPORAL_API_KEY and the TLS settings.`);
}

/** The codes of gRPC that mean something to a person here. */
const GRPC = { deadlineExceeded: 4, notFound: 5, permissionDenied: 7, unavailable: 14, unauthenticated: 16 } as const;

function unreachable(where: string): CommandFailure {
  return unavailable(
    `No Temporal server responds at ${where}. Start one (for example: temporal server start-dev), or set TEMPORAL_ADDRESS.`,
  );
}

function noNamespace(where: string): CommandFailure {
  return unavailable(`The namespace does not exist at ${where}. Create it, or set TEMPORAL_NAMESPACE.`);
}

/** Some of the server's texts end with a full stop. */
function sentence(text: string): string {
  return `${text.replace(/\.$/, '')}.`;
}

function unavailable(message: string): CommandFailure {
  return new CommandFailure('TemporalUnavailable', message);
}
