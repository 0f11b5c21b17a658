import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');

const FILES = [
  'src/tasks/plaid/service.ts',
  'src/tasks/batch/service.ts',
  'src/config/settings.ts',
  'src/config/ledger-settings.ts',
  'src/config/source-settings.ts',
  'src/config/encryption-settings.ts',
  'src/config/gateway-settings.ts',
  'src/config/proxy-settings.ts',
  'src/config/ui-settings.ts',
  'src/config/process-settings.ts',
  'src/config/plaintext.ts',
  'src/config/http-reads.ts',
  'src/config/tracing-settings.ts',
  'src/config/work-limits.ts',
];

/** The names of all settings that the sources read, as they stand there. */
export function settingsInSource(): string[] {
  const names = FILES.flatMap((file) => [
    ...readFileSync(join(ROOT, file), 'utf8').matchAll(/'((?:PLAID|BATCH|HTTP_TASKS|OTEL)_[A-Z_]+)'/g),
  ]);
  return names.map(([, name = '']) => name).filter((name) => !name.endsWith('_FILE') && !name.endsWith('_'));
}
