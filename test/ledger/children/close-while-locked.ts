// Opens the ledger, says so, and once the other side holds the lock (a line on stdin) writes and closes immediately.
import { once } from 'node:events';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { given } from './arguments';

async function main(): Promise<void> {
  const ledger = await openLedger({ ...given, deadlineMs: 2_000 });
  const user = createSubjectHasher(given.subjectKey).subject('plaid', 'sandbox', 'user');
  process.stdout.write('open\n');
  await once(process.stdin, 'data');
  const written = ledger.addHold({ holdId: 'never', subjects: [user] }).then(
    () => 'written',
    () => 'refused',
  );
  await ledger.close();
  process.stdout.write(`${await written}\n`);
  process.stdin.destroy();
}

void main();
