import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { Exchange } from 'temporal-http-tasks/internal/http/exchange';
import type { ExchangeResult } from 'temporal-http-tasks/internal/http/exchange';

const LIMITS = { totalMs: 60_000, maxResponseBytes: 1_000, mayAbortAfterSending: false };
const CONTROLLER = { abort: () => undefined } as unknown as Dispatcher.DispatchController;

/** Starts an exchange and returns what ends it with a response. */
function sentCall(name: number, settle: (result: ExchangeResult) => void): () => void {
  const exchange = new Exchange(LIMITS, undefined, settle);
  exchange.onRequestStart(CONTROLLER);
  return () => {
    exchange.onResponseStart(CONTROLLER, 200, { 'content-length': '2' });
    exchange.onResponseData(CONTROLLER, Buffer.from(String(name).padStart(2, '0')));
    exchange.onResponseEnd();
  };
}

it.each([1, 2, 3, 64])(
  'hands over %d responses that arrive together in their order, a few in each turn',
  async (count) => {
    let turn = 0;
    const handed: { body: string; turn: number }[] = [];
    const calls = Array.from({ length: count }, (_, index) =>
      sentCall(index, (result) => handed.push({ body: result.kind === 'response' ? result.body : result.kind, turn })),
    );
    await nextTurn();
    for (const respond of calls) respond();
    for (turn = 1; handed.length < count; turn += 1) await nextTurn();
    expect(handed.map(({ body }) => body)).toEqual(calls.map((_, index) => String(index).padStart(2, '0')));
    const perTurn = handed.reduce<Record<number, number>>(
      (sums, one) => ({ ...sums, [one.turn]: (sums[one.turn] ?? 0) + 1 }),
      {},
    );
    expect(perTurn[0]).toBe(Math.min(count, 2));
    expect(Math.max(...Object.values(perTurn))).toBeLessThanOrEqual(Math.max(2, count / 8));
  },
);

it('does not keep a call waiting that got no response', async () => {
  const ended: string[] = [];
  const calls = Array.from({ length: 8 }, (_, index) => sentCall(index, () => ended.push('response')));
  const lost = new Exchange(LIMITS, undefined, (result) => ended.push(result.kind));
  lost.onRequestStart(CONTROLLER);
  await nextTurn();
  for (const respond of calls) respond();
  lost.onResponseError(CONTROLLER, new Error('reset'));
  expect(ended).toEqual(['response', 'response', 'lost']);
  while (ended.length < 9) await nextTurn();
});
