import { Client, credentials, Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { handleUnaryCall, MethodDefinition } from '@grpc/grpc-js';

/** A Temporal server that asks who calls; a dev server has no such check of its own. */
export interface GuardedTemporal {
  address: string;
  close(): Promise<void>;
}

/** Messages travel as they are. */
const asIs = (bytes: Buffer): Buffer => bytes;

const DESCRIBE_NAMESPACE: MethodDefinition<Buffer, Buffer> = {
  path: '/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace',
  requestStream: false,
  responseStream: false,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
};

/**
 * A proxy of a real Temporal server that refuses, with the server's own message, callers without one of these logins.
 *
 * @param logins Values of `authorization`, looked at for every call.
 */
export async function guardTemporal(behind: string, logins: ReadonlySet<string>): Promise<GuardedTemporal> {
  const upstream = new Client(behind, credentials.createInsecure());
  const server = new Server();
  const guarded: handleUnaryCall<Buffer, Buffer> = ({ metadata, request }, response) => {
    const [login] = metadata.get('authorization');
    if (!logins.has(String(login)))
      return response({ code: status.PERMISSION_DENIED, details: 'Request unauthorized.' });
    upstream.makeUnaryRequest(DESCRIBE_NAMESPACE.path, asIs, asIs, request, new Metadata(), response);
  };
  server.addService({ describeNamespace: DESCRIBE_NAMESPACE }, { describeNamespace: guarded });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    address: `127.0.0.1:${port}`,
    close: async () => {
      server.forceShutdown();
      upstream.close();
    },
  };
}
