import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { CheckedRows, TooManyBadRowsError } from 'temporal-http-tasks/internal/sources/check-rows';
import type { CheckOptions } from 'temporal-http-tasks/internal/sources/check-rows';
import { openLocalFile } from 'temporal-http-tasks/internal/sources/open-source';
import { RejectFile } from 'temporal-http-tasks/internal/sources/reject-file';
import { SourceError } from 'temporal-http-tasks/internal/sources/source';
import type { GoodRow } from 'temporal-http-tasks/internal/sources/source';
import { failureOf, fileWith, removeFolders, temporaryFolder } from './reading';

afterAll(removeFolders);

const HEAD = 'batch_user_id,reference\n';

async function checked(
  content: string,
  options?: CheckOptions,
): Promise<{ rows: CheckedRows; good: () => Promise<GoodRow[]> }> {
  const rows = new CheckedRows(await openLocalFile(fileWith(content)), options);
  return {
    rows,
    good: async () => {
      const good: GoodRow[] = [];
      for await (const row of rows.rows()) good.push(row);
      return good;
    },
  };
}

describe('the rows of a source', () => {
  it('are let through when all are good', async () => {
    const { rows, good } = await checked(`${HEAD}1,\n2,\n`);
    expect((await good()).map(({ user }) => user.batchUserId)).toEqual(['1', '2']);
    expect(rows.counts).toEqual({ good: 2, bad: 0 });
  });

  it('are refused at the first bad one unless some are tolerated, with its line and without its values', async () => {
    const { rows, good } = await checked(`${HEAD}1,\n,canary\n3,\n,canary\n`);
    const error = await failureOf(good());
    expect(error).toBeInstanceOf(TooManyBadRowsError);
    expect(error.message).toContain('2 of 4 rows read cannot be users, and none is tolerated. line 3: has no user ID');
    expect(error.message).not.toContain('canary');
    expect(error.message).toContain('; line 5: has no user ID');
    expect(rows.counts).toEqual({ good: 2, bad: 2 });
  });

  it('are searched for more bad ones once too many are bad, as far as is asked, and none is let through meanwhile', async () => {
    const content = `${HEAD}1,\n${',x\n2,\n'.repeat(30)}`;
    for (const [lookFor, more] of [
      [undefined, 'and 5 more'],
      [Infinity, 'and 25 more'],
    ] as const) {
      const { rows } = await checked(content, { lookFor });
      const good: GoodRow[] = [];
      const reading = (async () => {
        for await (const row of rows.rows()) good.push(row);
      })();
      expect((await failureOf(reading)).message).toContain(more);
      expect(good).toHaveLength(1);
      expect(rows.report.rejectedRows).toHaveLength(10);
    }
  });

  it.each<[CheckOptions['tolerance'], string]>([
    [{ count: 2 }, 'passes'],
    [{ count: 1 }, '2 of 5 rows'],
    [{ percent: 40 }, 'passes'],
    [{ percent: 39.9 }, '2 of 5 rows'],
  ])('with a tolerance of %j and 2 of 5 bad: %s', async (tolerance, outcome) => {
    const { good } = await checked(`${HEAD},x\n1,\n2,\n,x\n3,\n`, { tolerance });
    if (outcome === 'passes') expect(await good()).toHaveLength(3);
    else expect((await failureOf(good())).message).toContain(outcome);
  });

  it.each([
    ['nothing', '', 'an empty source never means all users'],
    ['a head only', HEAD, 'an empty source never means all users'],
    ['bad rows only', `${HEAD},x\n`, 'without a single user'],
  ])('are refused when there is %s: that does not mean all users', async (_, content, why) => {
    const { good } = await checked(content, { tolerance: { percent: 100 } });
    const error = await failureOf(good());
    expect(error).toBeInstanceOf(SourceError);
    expect(error.message).toContain(why);
  });

  it('are counted on from where reading had stopped', async () => {
    const content = `${HEAD}1,\n,x\n2,\n,x\n`;
    const first = await checked(content, { tolerance: { count: 1 } });
    const iterator = first.rows.rows();
    await iterator.next();
    const second = await iterator.next();
    await iterator.return();
    if (second.done) throw new Error('There should be a second row.');
    const after = { position: second.value.position, counts: first.rows.counts };
    expect(after.counts).toEqual({ good: 2, bad: 1 });
    const { good } = await checked(content, { tolerance: { count: 1 }, after });
    expect((await failureOf(good())).message).toContain('2 of 4 rows');
  });
});

describe('a reject file', () => {
  it('keeps line, problem and every byte of each bad row, and only its owner can read it', async () => {
    const file = path.join(temporaryFolder(), 'rejects.csv');
    const rejects = await RejectFile.create(file);
    const rows = new CheckedRows(
      await openLocalFile(
        fileWith(
          Buffer.concat([Buffer.from(`${HEAD},"a ""b"",\nc"\n`), Buffer.from([0xff, 0x2c, 0x0a]), Buffer.from('1,\n')]),
        ),
      ),
      {
        tolerance: { count: 5 },
        onBadRow: (row) => rejects.add(row),
      },
    );
    for await (const { user } of rows.rows()) expect(user).toEqual({ batchUserId: '1' });
    await rejects.close();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const kept = parse(readFileSync(file).toString('latin1'));
    expect(kept).toEqual([
      ['line', 'problem', 'raw'],
      ['2', 'has no user ID; give plaid_user_id, plaid_user_token or batch_user_id', ',"a ""b"",\nc"'],
      ['4', 'cell 1 is not UTF-8', '\xff,'],
    ]);
  });

  it('is never written over another one', async () => {
    expect((await failureOf(RejectFile.create(fileWith('kept')))).message).toContain('already exists');
    expect((await failureOf(RejectFile.create(path.join(temporaryFolder(), 'no', 'such.csv')))).message).toContain(
      'ENOENT',
    );
  });

  it('takes many rows without holding them all', async () => {
    const file = path.join(temporaryFolder(), 'rejects.csv');
    const rejects = await RejectFile.create(file);
    for (let line = 1; line <= 5_000; line++)
      await rejects.add({ line, problem: 'p', raw: Buffer.from('r'.repeat(40)) });
    expect(statSync(file).size).toBeGreaterThan(100_000);
    await rejects.close();
    expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(5_001);
  });
});
