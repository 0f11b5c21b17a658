import ts from 'typescript';
import { nodesOf, parsedSources } from './parsed-sources';

const SETTING = /^(?:PLAID|BATCH|HTTP_TASKS|OTEL)_[A-Z_]*[A-Z]$/;

/** Returns the names of all settings that the sources read. A setting that ends in `_FILE` belongs to the one without. */
export function settingsInSource(): string[] {
  return [
    'src/tasks',
    'src/providers',
    'src/config',
    'packages/cli/src/providers',
    'packages/testing/src/temporal-server',
    'src/operator-policy',
  ]
    .flatMap(parsedSources)
    .filter(({ fileName }) => !fileName.endsWith('/setting-table.ts'))
    .flatMap((source) => [...nodesOf(source)])
    .flatMap((node) => (ts.isStringLiteralLike(node) && SETTING.test(node.text) ? [node.text] : []))
    .filter((name) => !name.endsWith('_FILE'));
}
