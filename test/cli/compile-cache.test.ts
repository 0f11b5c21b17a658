import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import nodeModule from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { temporalAddress } from '../support/temporal';
import { HOME, runCli, startCli } from './run-cli';
import type { CliEnv } from './run-cli';

const folder = mkdtempSync(join(tmpdir(), 'http-tasks-compiled-'));
const KEPT = ['temporal-http-tasks', 'compiled'];
/** Only newer releases of Node.js keep anything; the command is the same with all of them. */
const KEEPS = 'enableCompileCache' in nodeModule;

/** An environment whose cache folder is this one. */
function cachedIn(cache: string, more: CliEnv = {}): CliEnv {
  return { NODE_COMPILE_CACHE: undefined, XDG_CACHE_HOME: cache, ...more };
}

it('keeps what Node.js has compiled in the cache folder of the user', async () => {
  for (const [env, cache] of [
    [cachedIn(join(folder, 'xdg')), join(folder, 'xdg')],
    [cachedIn('not/absolute'), join(HOME, '.cache')],
  ] as const) {
    expect(await runCli(['list', '--json'], env)).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(join(cache, ...KEPT))).toBe(KEEPS);
  }
});

it('keeps it where NODE_COMPILE_CACHE says', async () => {
  const chosen = join(folder, 'chosen');
  const env = { ...cachedIn(join(folder, 'unused')), NODE_COMPILE_CACHE: chosen };
  expect(await runCli(['list', '--json'], env)).toMatchObject({ code: 0, stderr: '' });
  expect([existsSync(chosen), existsSync(join(folder, 'unused'))]).toEqual([KEEPS, false]);
});

it('runs where nothing can be kept, and where that is switched off', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const off = join(folder, 'off');
  for (const env of [cachedIn(file), cachedIn(off, { NODE_DISABLE_COMPILE_CACHE: '1' })])
    expect(await runCli(['list', '--json'], env)).toMatchObject({ code: 0, stderr: '' });
  expect(existsSync(off)).toBe(false);
});

describe('a worker', () => {
  let place: Place;

  beforeAll(async () => {
    place = await openPlace();
  });
  afterAll(() => place.close());

  it('has kept it when it asks for tasks: one that is killed later starts as fast again', async () => {
    const cache = join(folder, 'worker');
    const worker = startCli(['worker'], cachedIn(cache, { ...place.env, TEMPORAL_ADDRESS: temporalAddress() }));
    await worker.printed('"polling"');
    await worker.stop('SIGKILL');
    const kept = join(cache, ...KEPT);
    expect(existsSync(kept) ? readdirSync(kept, { recursive: true }).length > 100 : 'nothing').toBe(
      KEEPS ? true : 'nothing',
    );
  });
});
