import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Returns the version of this package, which all packages of the workspace share. */
export function packageVersion(): string {
  const file = join(__dirname, '..', 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
