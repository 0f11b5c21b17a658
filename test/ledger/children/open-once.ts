// Opens a ledger on request, and prints which migrations this process ran.
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { given } from './arguments';

async function openOnce(): Promise<object> {
  let migrations: readonly string[] = [];
  const onEvent = (event: { kind: string; migrations?: readonly string[] }) => {
    migrations = event.migrations ?? migrations;
  };
  try {
    await (await openLedger({ ...given, onEvent })).close();
    return { migrations };
  } catch (error) {
    return { error: String(error) };
  }
}

process.stdin.once('data', () => {
  void openOnce().then((response) => {
    process.stdout.write(`${JSON.stringify(response)}\n`);
    process.stdin.destroy();
  });
});
process.stdout.write('ready\n');
