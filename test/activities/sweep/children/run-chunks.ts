// Works through a part of a sweep as a worker does, chunk after chunk and several concurrently, until no user of it is
// left.
import { setTimeout as delay } from 'node:timers/promises';
import { createCallBudgets } from 'temporal-http-tasks/internal/activities/budget/call-budgets';
import { ProcessLimits } from 'temporal-http-tasks/internal/activities/sweep/process-limits';
import { runChunk } from 'temporal-http-tasks/internal/activities/sweep/run-chunk';
import { readSettings } from 'temporal-http-tasks/internal/config/settings';
import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { Catalogue } from 'temporal-http-tasks/internal/providers/catalogue';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { ChunkWork, Said } from './start';

const work = JSON.parse(process.argv[2] ?? '') as ChunkWork;
const AT_ONCE = 2;
/** No limit, but leased from the ledger as any other. */
const CALLS_A_MINUTE = 6_000_000;

function say(said: Said): void {
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

async function runChunks(): Promise<void> {
  const settings = readSettings(process.env, CATALOGUE_SERVICES);
  const { url, subjectKey } = settings.ledger;
  const ledger = await openLedger({ url, subjectKey });
  const dependencies = {
    ledger,
    sender: createTaskSender(settings.sender),
    catalogue: new Catalogue(),
    providers: new ProviderSet(),
    hasher: createSubjectHasher(subjectKey),
    services: settings.sender.services,
    budgets: createCallBudgets({ rates: ledger.rates, documentedLimit: () => CALLS_A_MINUTE }),
    limits: new ProcessLimits(),
  };
  const { sweepId, plan, chunkSize, from, to } = work;
  const busy = new Set<number>();
  const lane = async (): Promise<void> => {
    for (;;) {
      const { ranges } = await ledger.sweeps.readUnfinished({ sweepId, chunkSize, limit: 1_000, fromSeq: from });
      const mine = ranges.filter((range) => range.from <= to && !busy.has(range.from));
      if (mine.length === 0) return;
      const due = mine.find(({ notBefore = '' }) => !(Date.parse(notBefore) > Date.now()));
      if (!due) {
        await delay(100);
        continue;
      }
      busy.add(due.from);
      say({ did: 'began', from: due.from });
      const result = await runChunk(
        { sweepId, fromSeq: due.from, toSeq: due.to, plan, beginForMs: 60_000 },
        dependencies,
      );
      busy.delete(due.from);
      say({ did: 'ended', from: due.from, result });
      if (result.end === 'fenced') return;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  say({ did: 'finished' });
}

void runChunks().finally(() => process.exit());
