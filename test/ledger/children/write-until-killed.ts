// Writes intents one after the other and names each that was acknowledged, until it is killed.
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { given } from './arguments';

async function writeUntilKilled(): Promise<never> {
  const user = createSubjectHasher(given.subjectKey).subject('plaid', 'sandbox', 'user');
  const ledger = await openLedger(given);
  for (let number = 0; ; number++) {
    const workflowId = `killed-${number}`;
    await ledger.recordIntent({
      workflowId,
      runId: 'r',
      activityId: '1',
      attempt: 1,
      step: 's',
      task: 't',
      service: 'plaid',
      environment: 'sandbox',
      refuseUnsettled: true,
      subjects: [user],
      holdSubjects: [user],
    });
    process.stdout.write(`${workflowId}\n`);
  }
}

void writeUntilKilled();
