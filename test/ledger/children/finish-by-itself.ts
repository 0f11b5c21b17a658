// Starts a write, never closes the ledger, and must still write it and then end.
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { given } from './arguments';

void openLedger(given).then((ledger) => {
  const user = createSubjectHasher(given.subjectKey).subject('plaid', 'sandbox', 'user');
  void ledger.addHold({ holdId: 'last-word', subjects: [user] });
});
