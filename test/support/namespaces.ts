import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { until } from './offboarding-runs';

/** Makes a namespace that no other test uses, and waits until the server knows it everywhere. */
export async function freshNamespace({ workflowService }: Client, name = 'test'): Promise<string> {
  const namespace = `${name}-${randomUUID()}`;
  await workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs('1 day') });
  await until(`the namespace ${namespace} is there`, async () => {
    try {
      await workflowService.listWorkflowExecutions({ namespace, query: '' });
      return true;
    } catch {
      return false;
    }
  });
  return namespace;
}
