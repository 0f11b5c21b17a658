import { CancelledFailure } from '@temporalio/common';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import type { Effect, HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { failureOf } from './failure-of';
import { json, Provider, settingsFor } from './provider';

const EFFECTS = ['read', 'repeatSafe', 'irreversible'] as const;

function callOf(effect: Effect, totalMs = 60_000): HttpTask {
  return { ...plaid.userRemove, effect, timeouts: { ...plaid.userRemove.timeouts, totalMs } };
}

describe('A cancelled call', () => {
  let provider: Provider;
  let sender: TaskSender;
  let arrived: () => void;
  let respond: (() => void) | undefined;

  beforeEach(async () => {
    respond = undefined;
    arrived = () => undefined;
    provider = await Provider.start((response) => {
      respond = () => json(response, 200, { request_id: 'req-1' });
      arrived();
    });
    sender = createTaskSender(settingsFor(provider.origin), { connectionsPerOrigin: 1 });
  });

  afterEach(async () => {
    await sender.close();
    await provider.close();
  });

  it.each(EFFECTS)('of effect %s is not sent when it was cancelled before', async (effect) => {
    const promise = sender.send(callOf(effect), { user_id: 'u' }, { signal: AbortSignal.abort() });
    await expect(promise).rejects.toBeInstanceOf(CancelledFailure);
    expect(provider.received).toHaveLength(0);
  });

  it.each(EFFECTS)(
    'of effect %s is not sent when it was cancelled while it waited for a connection',
    async (effect) => {
      const first = new Promise<void>((resolve) => (arrived = resolve));
      const busy = sender.send(plaid.userItemsGet, { user_id: 'first' }).catch(() => undefined);
      await first;
      const controller = new AbortController();
      let sent = false;
      const waiting = sender.send(
        callOf(effect),
        { user_id: 'u' },
        { signal: controller.signal, onSent: () => (sent = true) },
      );
      controller.abort();
      await expect(waiting).rejects.toBeInstanceOf(CancelledFailure);
      respond!();
      await busy;
      expect(sent).toBe(false);
      expect(provider.received).toHaveLength(1);
    },
  );

  it('aborts immediately when it is a read', async () => {
    const onWire = new Promise<void>((resolve) => (arrived = resolve));
    const controller = new AbortController();
    const promise = sender.send(callOf('read'), { user_id: 'u' }, { signal: controller.signal });
    const settled = expect(promise).rejects.toBeInstanceOf(CancelledFailure);
    await onWire;
    controller.abort();
    await settled;
  });

  it.each(['repeatSafe', 'irreversible'] as const)(
    'of effect %s that was sent waits for its response',
    async (effect) => {
      const onWire = new Promise<void>((resolve) => (arrived = resolve));
      const controller = new AbortController();
      const promise = sender.send(callOf(effect), { user_id: 'u' }, { signal: controller.signal });
      await onWire;
      controller.abort();
      // Had it been aborted, it would have settled by the time another call on another connection got its response.
      const other = createTaskSender(settingsFor(provider.origin));
      const responseFirst = respond!;
      const secondOnWire = new Promise<void>((resolve) => (arrived = resolve));
      const second = other.send(plaid.userRemove, { user_id: 'v' });
      await secondOnWire;
      respond!();
      await second;
      await other.close();
      responseFirst();
      expect((await promise).requestId).toBe('req-1');
    },
  );

  it('of effect irreversible that never gets a response ends with its timeout, as unknown', async () => {
    const onWire = new Promise<void>((resolve) => (arrived = resolve));
    const controller = new AbortController();
    const promise = failureOf(
      sender.send(callOf('irreversible', 400), { user_id: 'u' }, { signal: controller.signal }),
    );
    await onWire;
    controller.abort();
    expect((await promise).type).toBe('Task.OutcomeUnknown');
  });

  it('can share its signal with hundreds of others', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    const wide = createTaskSender(settingsFor(provider.origin), { connectionsPerOrigin: 64 });
    const controller = new AbortController();
    let sent = 0;
    const allOnWire = new Promise<void>((resolve) => {
      arrived = () => (provider.received.length >= 64 ? resolve() : undefined);
    });
    const calls = Array.from({ length: 300 }, (_, n) =>
      wide.send(plaid.userItemsGet, { user_id: `u${n}` }, { signal: controller.signal, onSent: () => (sent += 1) }),
    );
    const settled = Promise.allSettled(calls);
    await allOnWire;
    controller.abort();
    const results = await settled;
    expect(results.every((result) => result.status === 'rejected' && result.reason instanceof CancelledFailure)).toBe(
      true,
    );
    expect(sent).toBe(64);
    await wide.close();
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });
});
