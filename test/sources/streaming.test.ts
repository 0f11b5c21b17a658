import { createWriteStream, existsSync, readlinkSync, readdirSync } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { openLocalFile } from 'temporal-http-tasks/internal/sources/open-source';
import { amount } from '../support/amount';
import { fileWith, removeFolders, temporaryFolder } from './reading';

// The machine may be busy with other tests.
jest.setTimeout(180_000);

afterAll(removeFolders);

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heapMiB(): number {
  collect();
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

async function largeFile(rows: number): Promise<string> {
  const file = path.join(temporaryFolder(), 'large.csv');
  const stream = createWriteStream(file);
  stream.write('plaid_user_id,batch_user_id,reference\n');
  for (let row = 0; row < rows; row++) {
    if (!stream.write(`usr_${row}_abcdefghijklmnop,"b,${row}",case-${row}\n`)) await once(stream, 'drain');
  }
  stream.end();
  await once(stream, 'close');
  return file;
}

/** Whether this process has the file open. Linux reports it; elsewhere there is nothing to look at. */
function isOpen(file: string): boolean {
  const folder = '/proc/self/fd';
  if (!existsSync(folder)) return false;
  return readdirSync(folder).some((fd) => {
    try {
      return readlinkSync(path.join(folder, fd)) === file;
    } catch {
      return false;
    }
  });
}

describe('a large file', () => {
  it('is read with a flat heap: six times the rows take no more', async () => {
    // Kept, those behind the first sixth would take 15 MiB and more.
    const all = amount(90_000, { whole: 300_000 });
    const source = await openLocalFile(await largeFile(all));
    let rows = 0;
    const heap: number[] = [];
    for await (const { user } of source.rows()) {
      rows += user === undefined ? 0 : 1;
      if (rows % (all / 6) === 0) heap.push(heapMiB());
    }
    expect(rows).toBe(all);
    expect(heap).toHaveLength(6);
    expect(Math.max(...heap) - (heap[0] ?? 0)).toBeLessThan(8);
  });
});

describe('a reader that stops early', () => {
  it.each([
    ['a plain file', (text: string) => Buffer.from(text)],
    ['a packed file', (text: string) => gzipSync(text)],
  ])('closes %s', async (_, pack) => {
    const file = fileWith(
      pack(`batch_user_id\n${Array.from({ length: 50_000 }, (__, row) => `usr_${row}\n`).join('')}`),
    );
    const source = await openLocalFile(file);
    for (const rowsToRead of [1, 30_000]) {
      const rows = source.rows()[Symbol.asyncIterator]();
      for (let row = 0; row < rowsToRead; row++) await rows.next();
      expect(isOpen(file)).toBe(process.platform === 'linux');
      await rows.return?.();
      expect(isOpen(file)).toBe(false);
    }
  });

  it('closes a file when the rows are refused, and when a signal ends the reading', async () => {
    const refused = fileWith('id\n1\n');
    await expect((await openLocalFile(refused)).rows()[Symbol.asyncIterator]().next()).rejects.toThrow('columns');
    expect(isOpen(refused)).toBe(false);

    const file = fileWith(`batch_user_id\n${'usr\n'.repeat(100_000)}`);
    const stop = new AbortController();
    const read = async (): Promise<void> => {
      for await (const { line } of (await openLocalFile(file)).rows({ signal: stop.signal }))
        if (line === 10) stop.abort(new Error('enough'));
    };
    await expect(read()).rejects.toThrow('enough');
    expect(isOpen(file)).toBe(false);
  });
});
