import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** How we name ourselves to providers. The manifest lies two folders up, from `src/http` as from `dist/http`. */
export const USER_AGENT = `temporal-http-tasks/${readVersion()}`;

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}
