// Makes calls as a sweep does, 64 at a time and each out of the budget, about one user, until it is stopped.
import { createInterface } from 'node:readline';
import { createCallBudgets, LiveCall } from 'temporal-http-tasks/internal/activities/budget/call-budgets';
import type { RateKey } from 'temporal-http-tasks/internal/ledger/sweeps/rate-ledger';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { plaidService } from 'temporal-http-tasks/internal/providers/plaid/service';
import { userItemsGet } from 'temporal-http-tasks/internal/providers/plaid/tasks';

const CALLERS = 64;
const KEY: RateKey = { service: 'plaid', keySlot: '' };

const [, , url = '', subjectKey = '', userId = ''] = process.argv;

async function makeCalls(): Promise<void> {
  const ledger = await openLedger({ url, subjectKey });
  const budgets = createCallBudgets({ rates: ledger.rates, documentedLimit: () => undefined });
  const sender = createTaskSender(readSenderSettings(process.env, [plaidService]));
  const stop = new AbortController();
  const orders = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  process.stdout.write('ready\n');
  await orders.next();
  void orders.next().then(() => stop.abort());

  const input = { user_id: userId };
  const telling = new LiveCall(budgets, userItemsGet, sender.prepare(userItemsGet, input));
  const call = async (): Promise<void> => {
    while (budgets.tryAdmit(KEY, 'sweep') || (await budgets.admit(KEY, 'sweep', stop.signal))) {
      await sender.send(userItemsGet, input).then(
        () => telling.accepted(),
        (error: unknown) => telling.failed(error),
      );
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  await sender.close();
  await budgets.close();
  await ledger.close();
  process.stdin.destroy();
}

void makeCalls();
