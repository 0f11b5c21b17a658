import { createHash } from 'node:crypto';
import { appendFile, chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  TemporalServerNotFoundError,
  findTemporalServer,
} from '@temporal-http-tasks/testing/internal/temporal-server/index';
import type {
  FindTemporalServerOptions,
  TemporalFetcher,
} from '@temporal-http-tasks/testing/internal/temporal-server/index';

const GOOD_LINE = 'temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)';
const OLD_LINE = 'temporal version 1.1.0 (Server 1.25.0, UI 2.30.3)';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'find-temporal-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function writeBinary(path: string, prints: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho '${prints}'\n`);
  await chmod(path, 0o755);
  return path;
}

/** Replaces a download: slow enough that two callers overlap, and counted. */
function fakeDownload(prints = GOOD_LINE): TemporalFetcher & { count: number } {
  const fetcher = {
    name: 'a fake download',
    count: 0,
    async fetch(workDir: string) {
      fetcher.count += 1;
      await delay(200);
      return writeBinary(join(workDir, 'unpacked', 'temporal'), prints);
    },
  };
  return fetcher;
}

function noDownload(): TemporalFetcher {
  return { name: 'a dead mirror', fetch: () => Promise.reject(new Error('the line is cut')) };
}

function options(overrides: Partial<FindTemporalServerOptions>): FindTemporalServerOptions {
  return {
    searchPath: '',
    cacheDir: join(root, 'cache'),
    fetchers: [noDownload()],
    trusts: () => true,
    report: () => undefined,
    ...overrides,
  };
}

describe('a temporal on PATH', () => {
  it('is taken when its server is new enough', async () => {
    const path = await writeBinary(join(root, 'bin', 'temporal'), GOOD_LINE);
    await expect(findTemporalServer(options({ searchPath: join(root, 'bin') }))).resolves.toEqual({
      path,
      source: 'path',
      version: '1.32.0',
    });
  });

  it('is passed over when its server is too old, for a newer one further down PATH', async () => {
    await writeBinary(join(root, 'old', 'temporal'), OLD_LINE);
    const path = await writeBinary(join(root, 'new', 'temporal'), GOOD_LINE);
    const found = await findTemporalServer(options({ searchPath: `${join(root, 'old')}:${join(root, 'new')}` }));
    expect(found.path).toBe(path);
  });

  it('is passed over when it is too old, and one is fetched instead', async () => {
    await writeBinary(join(root, 'old', 'temporal'), OLD_LINE);
    const found = await findTemporalServer(options({ searchPath: join(root, 'old'), fetchers: [fakeDownload()] }));
    expect(found).toMatchObject({ source: 'download', version: '1.32.0' });
  });

  it('is passed over when it is some other program of that name', async () => {
    await writeBinary(join(root, 'bin', 'temporal'), 'Temporal Java build tool 3');
    const found = await findTemporalServer(options({ searchPath: join(root, 'bin'), fetchers: [fakeDownload()] }));
    expect(found.source).toBe('download');
  });
});

describe('the cache', () => {
  it('keeps what was fetched, with its checksum, and serves it without fetching again', async () => {
    const download = fakeDownload();
    const first = await findTemporalServer(options({ fetchers: [download] }));
    const second = await findTemporalServer(options({ fetchers: [download] }));
    expect(second).toEqual({ path: first.path, source: 'cache', version: '1.32.0' });
    expect(download.count).toBe(1);
    const sha256 = createHash('sha256')
      .update(await readFile(first.path))
      .digest('hex');
    expect((await readFile(`${first.path}.sha256`, 'utf8')).trim()).toBe(sha256);
  });

  it('refuses a damaged copy and replaces it by a freshly fetched one', async () => {
    const { path } = await findTemporalServer(options({ fetchers: [fakeDownload()] }));
    await appendFile(path, '# one byte too many\n');
    const found = await findTemporalServer(options({ fetchers: [fakeDownload()] }));
    expect(found).toEqual({ path, source: 'download', version: '1.32.0' });
    expect(await readFile(path, 'utf8')).not.toContain('one byte too many');
  });

  it('says that the copy is damaged when no other can be had', async () => {
    const { path } = await findTemporalServer(options({ fetchers: [fakeDownload()] }));
    await appendFile(path, '# one byte too many\n');
    await expect(findTemporalServer(options({}))).rejects.toThrow(/cached copy is corrupt[^]*the line is cut/);
  });

  it('does not keep a download that does not run', async () => {
    const found = await findTemporalServer(options({ fetchers: [fakeDownload('not temporal'), fakeDownload()] }));
    expect(found).toMatchObject({ source: 'download', version: '1.32.0' });
  });

  it('is filled once by two callers at a time, who both get the same good copy', async () => {
    const download = fakeDownload();
    const [one, other] = await Promise.all([
      findTemporalServer(options({ fetchers: [download] })),
      findTemporalServer(options({ fetchers: [download] })),
    ]);
    expect(one.path).toBe(other.path);
    expect([one.source, other.source].sort()).toEqual(['cache', 'download']);
    expect(download.count).toBe(1);
    expect(await readdir(join(root, 'cache'))).toEqual([
      expect.stringMatching(/^temporal-1\.9\.1-[a-z0-9]+-[a-z0-9]+$/),
    ]);
  });

  it('is not used when its copy is not the pinned release, although the checksum next to it fits', async () => {
    const { path } = await findTemporalServer(options({ fetchers: [fakeDownload()] }));
    const marker = join(root, 'was-run');
    await writeFile(path, `#!/bin/sh\ntouch ${marker}\necho '${GOOD_LINE}'\n`);
    await writeFile(
      `${path}.sha256`,
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    );
    const failure = findTemporalServer({
      searchPath: '',
      cacheDir: join(root, 'cache'),
      fetchers: [noDownload()],
      report: () => undefined,
    });
    await expect(failure).rejects.toThrow(/not that of the pinned release/);
    await expect(readFile(marker)).rejects.toThrow('ENOENT');
  });

  it('takes no download that is not the pinned release, and does not run it', async () => {
    const marker = join(root, 'was-run');
    const fetcher: TemporalFetcher = {
      name: 'a mirror',
      fetch: async (workDir) => {
        const path = join(workDir, 'temporal');
        await writeFile(path, `#!/bin/sh\ntouch ${marker}\necho '${GOOD_LINE}'\n`);
        await chmod(path, 0o755);
        return path;
      },
    };
    const failure = findTemporalServer({
      searchPath: '',
      cacheDir: join(root, 'cache'),
      fetchers: [fetcher],
      report: () => undefined,
    });
    await expect(failure).rejects.toThrow(
      /a mirror: its checksum is not that of the pinned release, so it was not run/,
    );
    await expect(readFile(marker)).rejects.toThrow('ENOENT');
  });

  it('is not blocked by the lock of a process that is gone, nor by what it left behind', async () => {
    const cacheDir = join(root, 'cache');
    // Above the largest process id Linux and macOS give out.
    await mkdir(join(cacheDir, 'tmp-4194305-left-behind'), { recursive: true });
    await writeFile(join(cacheDir, 'temporal-1.9.1.lock'), '4194305');
    const found = await findTemporalServer(options({ fetchers: [fakeDownload()] }));
    expect(found.source).toBe('download');
    expect(await readdir(cacheDir)).toHaveLength(1);
  });
});

it('lists all that was tried and what to install when there is no server to be had', async () => {
  await writeBinary(join(root, 'old', 'temporal'), OLD_LINE);
  const failure = await findTemporalServer(options({ searchPath: join(root, 'old') })).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(TemporalServerNotFoundError);
  const { message } = failure as TemporalServerNotFoundError;
  expect(message).toContain(`${join(root, 'old', 'temporal')}: contains server 1.25.0; 1.32.0 or later is required`);
  expect(message).toContain('cached copy');
  expect(message).toContain('a dead mirror: the line is cut');
  expect(message).toContain('https://docs.temporal.io/cli');
});
