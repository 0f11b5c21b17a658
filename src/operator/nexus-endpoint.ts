import type { OperatorService } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';

/** Where callers over Nexus find the operations. */
export interface NexusEndpoint {
  /** As callers name it; one for the whole server. */
  name: string;
  /** The namespace and task queue of the workers that serve it. */
  namespace: string;
  taskQueue: string;
}

type Operator = Pick<OperatorService, 'createNexusEndpoint' | 'listNexusEndpoints'>;

const DESCRIPTION =
  'Off-boards users from Plaid and Batch: the service `offboarding` with the operations `offboardUser`, `offboardUsers` and `runHttpTask`.';

/** `ALREADY_EXISTS` of gRPC. */
const ALREADY_EXISTS = 6;

/**
 * Creates the endpoint unless there is one of that name; answers whether it did, and what stands at the server now. One
 * that is there already is left as it is, also when it leads elsewhere.
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
    // Somebody else was faster.
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
