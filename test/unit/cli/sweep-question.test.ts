import { PassThrough } from 'node:stream';
import { WorkflowFailedError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { ApplicationFailure, RetryState } from '@temporalio/common';
import { readProvider } from '@temporal-http-tasks/openapi';
import { removalFacts } from '@temporal-http-tasks/cli/internal/terminal/deletion-question';
import type { WorkerPlace } from '@temporal-http-tasks/cli/internal/temporal/worker-place';
import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { LIBRARY, writeProvider } from '../../openapi/provider-files';
import type { Io } from '@temporal-http-tasks/cli/internal/program/io';
import { askAndApprove } from '@temporal-http-tasks/cli/internal/sweep/sweep-question';
import type { AskedSweep } from '@temporal-http-tasks/cli/internal/sweep/sweep-question';

it.each(['closing', 'ended'])(
  'a sweep whose source was refused is reported with the refusal when it says that it is %s and its run has not ended yet',
  async (phase) => {
    const refusal = ApplicationFailure.nonRetryable('source.file: file not found', 'Task.InvalidInput', {
      field: 'source.file',
    });
    let end: (reason: Error) => void = () => undefined;
    const result = new Promise<never>((_, reject) => (end = reject));
    let asked = 0;
    const handle = {
      result: () => result,
      query: async () => {
        asked += 1;
        if (asked === 2) end(new WorkflowFailedError('failed', refusal, RetryState.NON_RETRYABLE_FAILURE));
        return { phase, status: 'failed' };
      },
    };
    const client = {
      workflow: { getHandle: () => handle },
      withAbortSignal: (_signal: AbortSignal, ask: () => unknown) => ask(),
      withDeadline: (_atMs: number, ask: () => unknown) => ask(),
    };
    const io = { stderr: new PassThrough() } as unknown as Io;
    await expect(
      askAndApprove(io, client as unknown as Client, { sweepId: 'refused' } as AskedSweep),
    ).rejects.toMatchObject({ type: 'Task.InvalidInput', field: 'source.file' });
    expect(asked).toBe(2);
  },
);

it('the question names each provider from which users are deleted, and no other', async () => {
  const known = new ProviderSet([await readProvider(writeProvider(LIBRARY))]);
  const at = (service: string) => ({ service, environment: 'test', production: false, keySlots: [] });
  const place = { environments: [at('plaid'), at('cityLibrary/acme'), at('http')] } as unknown as WorkerPlace;
  const library = ['City Library', 'runs the steps loans, member, cards, erasure'];
  expect(removalFacts({ input: {}, place, known })).toEqual([
    ['Plaid', 'removes all Items and ends their products; the user itself stays'],
    library,
  ]);
  expect(removalFacts({ input: { providers: ['cityLibrary'] }, place, known })).toEqual([library]);
  // Of a provider that only the worker knows.
  expect(removalFacts({ input: { providers: ['shop'] }, place }, { bulk: ['Shop'], others: ['Shop'] })).toEqual([
    ['Shop', 'runs the steps that the worker defines'],
  ]);
});
