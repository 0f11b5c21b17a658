import type { OperatorService } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';

/** The Nexus endpoint through which callers reach the operations. */
export interface NexusEndpoint {
  /** The name that callers use; unique on the server. */
  name: string;
  /** Namespace and task queue of the workers that serve it. */
  namespace: string;
  taskQueue: string;
}

type Operator = Pick<OperatorService, 'createNexusEndpoint' | 'listNexusEndpoints'>;

const DESCRIPTION =
  'Offboards users from their providers: the service `offboarding` with the operations `offboardUser`, `offboardUsers` and `runHttpTask`.';

/** gRPC status code `ALREADY_EXISTS`. */
const ALREADY_EXISTS = 6;

/**
 * Creates the endpoint unless one with that name exists; returns whether it did, and the endpoint as it is on the
 * server. An existing endpoint is not changed, even if its target is different.
 */
export async function ensureNexusEndpoint(
  operator: Operator,
  wanted: NexusEndpoint,
): Promise<{ created: boolean; found: NexusEndpoint }> {
  const before = await findEndpoint(operator, wanted.name);
  if (before) return { created: false, found: before };
  const { name, namespace, taskQueue } = wanted;
  const spec = {
    name,
    description: defaultPayloadConverter.toPayload(DESCRIPTION),
    target: { worker: { namespace, taskQueue } },
  };
  try {
    await operator.createNexusEndpoint({ spec });
    return { created: true, found: wanted };
  } catch (error) {
    // Another process may have created it in the meantime.
    const after =
      (error as { code?: unknown }).code === ALREADY_EXISTS ? await findEndpoint(operator, name) : undefined;
    if (after) return { created: false, found: after };
    throw error;
  }
}

async function findEndpoint(operator: Operator, name: string): Promise<NexusEndpoint | undefined> {
  const { endpoints } = await operator.listNexusEndpoints({ name });
  const [endpoint] = endpoints;
  if (!endpoint) return undefined;
  const { namespace, taskQueue } = endpoint.spec?.target?.worker ?? {};
  return { name, namespace: namespace ?? '', taskQueue: taskQueue ?? '' };
}
