import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The `user-agent` header of every request. The manifest is two folders up, both from `src/http` and from `dist/http`.
 */
export const USER_AGENT = `temporal-http-tasks/${readVersion()}`;

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}
