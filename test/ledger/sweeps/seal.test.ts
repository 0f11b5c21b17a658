import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { rootOfHead } from 'temporal-http-tasks/internal/ledger/sweeps/head';
import { leafOf, sha256 } from 'temporal-http-tasks/internal/ledger/sweeps/receipt-leaf';
import { SweepConflictError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import { isIncluded } from 'temporal-http-tasks/internal/policy/merkle';
import { DATABASES, cleanUp, open, runRaw, subject } from '../databases';
import { changeLeaves, storeAsBefore } from './stored-leaves';
import { receiptOf, rowsOf, settledFully, sweepOf } from './users';

const USERS = 700;

describe.each(DATABASES)('the seal of a sweep in $name', ({ name, freshUrl }) => {
  let url: string;
  let ledger: OpenedLedger;
  let sweeps: SweepLedger;

  beforeEach(async () => {
    url = await freshUrl();
    ledger = await open(url);
    ({ sweeps } = ledger);
    await sealed('s', USERS);
  });
  afterAll(cleanUp);

  async function finished(sweepId: string, users: number): Promise<void> {
    await sweepOf(sweeps, sweepId, rowsOf(0, users));
    const chunk = { sweepId, chunkId: 'c', fence: 0 };
    chunk.fence = await sweeps.takeFence(chunk);
    for (let wave = 1; wave <= Math.ceil(users / 250); wave++) {
      const range = { from: (wave - 1) * 250, to: wave * 250 - 1 };
      const opened = await sweeps.openWave({ ...chunk, range, wave, limit: 250 });
      await sweeps.flushWave({ ...chunk, users: opened.map(settledFully) });
    }
  }

  async function sealed(sweepId: string, users: number): Promise<string> {
    await finished(sweepId, users);
    return (await sweeps.seal({ sweepId })).merkleRoot;
  }

  /** Changes rows as a user with the database's password could, after dropping the triggers. */
  async function tamper(statement: string, table: 'receipts' | 'sealed_hashes' = 'receipts'): Promise<void> {
    if (name === 'Postgres') await runRaw(url, `alter table ${table} disable trigger user`);
    else for (const change of ['update', 'delete']) await runRaw(url, `drop trigger if exists ${table}_no_${change}`);
    await runRaw(url, statement);
  }

  async function headOf(sweepId: string): Promise<{ receipts: number; receiptsRoot: string }> {
    const sweep = await sweeps.read(sweepId);
    return JSON.parse(sweep?.head ?? '{}') as { receipts: number; receiptsRoot: string };
  }

  const idOf = async (seq: number, step: string) => {
    const [row] = await runRaw(
      url,
      `select id from receipts where workflow_id = 's' and seq = ${seq} and step = '${step}'`,
    );
    return Number(row?.['id']);
  };

  it('is in the sweep, stays when it is sealed again, and is confirmed by verify', async () => {
    const { merkleRoot, leaves } = await sweeps.seal({ sweepId: 's' });
    expect(merkleRoot).toMatch(/^[0-9a-f]{64}$/);
    expect(rootOfHead((await sweeps.read('s'))?.head ?? '')).toBe(merkleRoot);
    expect(leaves).toBe(USERS * 3);
    expect(await sweeps.read('s')).toMatchObject({ merkleRoot, leaves });
    const progress: number[] = [];
    const verification = await sweeps.verify({
      sweepId: 's',
      expectedRoot: merkleRoot.toUpperCase(),
      onProgress: (receipts) => progress.push(receipts),
    });
    expect(verification).toEqual({
      ok: true,
      root: merkleRoot,
      sealedRoot: merkleRoot,
      keptRoot: merkleRoot,
      receipts: USERS * 3,
      differences: [],
      differenceCount: 0,
    });
    expect(progress.length).toBeGreaterThan(1);
    expect(progress.at(-1)).toBe(USERS * 3);
    expect(await sweeps.verify({ sweepId: 's', expectedRoot: '00'.repeat(32) })).toMatchObject({
      ok: false,
      differenceCount: 0,
    });
  });

  it('cannot be changed by accident: receipts and leaves are append-only', async () => {
    await expect(runRaw(url, `update receipts set outcome = 'removed'`)).rejects.toThrow('append-only');
    await expect(runRaw(url, `delete from sealed_hashes`)).rejects.toThrow('append-only');
    await expect(runRaw(url, `update sealed_hashes set hashes = 'x'`)).rejects.toThrow('append-only');
    await runRaw(url, `insert into sealed_leaves (sweep, seq, receipt, step, leaf) values (9, 1, 1, 's', 'x')`);
    await expect(runRaw(url, `delete from sealed_leaves`)).rejects.toThrow('append-only');
    await expect(runRaw(url, `update sealed_leaves set leaf = 'x'`)).rejects.toThrow('append-only');
  });

  it.each([
    ['outcome', `'failed'`],
    ['subject', `'${subject('somebody else')}'`],
    ['token', 'null'],
    ['request_id', `request_id || ' '`],
    ['status', '200'],
    ['reason', `''`],
    ['items', `'[]'`],
    ['round', '1'],
    ['attempt', '2'],
    ['environment', `'production'`],
    ['sweep_id', `'another'`],
    ['key_slot', `'ios '`],
    ['at', name === 'Postgres' ? `at + interval '1 microsecond'` : `replace(at, 'Z', '+00:00')`],
  ])('names a receipt whose %s was changed', async (column, value) => {
    const receipt = await idOf(600, 'batch.ios');
    await tamper(`update receipts set ${column} = ${value} where id = ${receipt}`);
    const verification = await sweeps.verify({ sweepId: 's' });
    expect(verification.ok).toBe(false);
    expect(verification.root).not.toBe(verification.sealedRoot);
    expect(verification.keptRoot).toBe(verification.sealedRoot);
    expect(verification.differences).toEqual([{ kind: 'changed', seq: 600, step: 'batch.ios', receipt }]);
  });

  it('names receipts that were removed, wherever they were', async () => {
    const ids = [await idOf(0, 'plaid.items'), await idOf(USERS - 1, 'batch.ios')];
    await tamper(`delete from receipts where id in (${ids.join()})`);
    const { ok, differences } = await sweeps.verify({ sweepId: 's' });
    expect(ok).toBe(false);
    expect(differences).toEqual([
      { kind: 'removed', seq: 0, step: 'plaid.items', receipt: ids[0] },
      { kind: 'removed', seq: USERS - 1, step: 'batch.ios', receipt: ids[1] },
    ]);
  });

  it('names every receipt when all are gone', async () => {
    await tamper(`delete from receipts where workflow_id = 's'`);
    const { ok, receipts, differences, differenceCount } = await sweeps.verify({ sweepId: 's' });
    expect({ ok, receipts, named: differences.length, differenceCount }).toEqual({
      ok: false,
      receipts: 0,
      named: 1_000,
      differenceCount: USERS * 3,
    });
  });

  it.each([5, USERS + 7, -1])('names receipts that were added, to user %d', async (seq) => {
    const columns =
      'workflow_id, run_id, activity_id, step, phase, round, attempt, sweep_id, subject, task, service, environment, key_slot, outcome, token, at';
    await runRaw(
      url,
      `insert into receipts (seq, ${columns}) select ${seq}, ${columns.replace('attempt', '9')} from receipts where id = ${await idOf(5, 'batch.ios')}`,
    );
    const { ok, differences } = await sweeps.verify({ sweepId: 's' });
    expect(ok).toBe(false);
    expect(differences).toMatchObject([{ kind: 'added', seq, step: 'batch.ios' }]);
  });

  it('names both ends of a receipt that was moved to another user', async () => {
    const receipt = await idOf(3, 'batch.ios');
    await tamper(`update receipts set seq = ${USERS + 3} where id = ${receipt}`);
    const { ok, differences } = await sweeps.verify({ sweepId: 's' });
    expect(ok).toBe(false);
    expect(differences).toEqual([
      { kind: 'removed', seq: 3, step: 'batch.ios', receipt },
      { kind: 'added', seq: USERS + 3, step: 'batch.ios', receipt },
    ]);
  });

  it('is not deceived by leaves and a root that were changed along with the receipt, when the workflow kept the root', async () => {
    const { merkleRoot } = await sweeps.seal({ sweepId: 's' });
    const receipt = await idOf(3, 'batch.ios');
    await tamper(`update receipts set outcome = 'failed' where id = ${receipt}`);
    await tamper('delete from sealed_hashes', 'sealed_hashes');
    await runRaw(url, `update sweeps set merkle_root = null, leaves = null`);
    await sweeps.seal({ sweepId: 's' });
    expect(await sweeps.verify({ sweepId: 's' })).toMatchObject({ ok: true });
    expect(await sweeps.verify({ sweepId: 's', expectedRoot: merkleRoot })).toMatchObject({ ok: false });
  });

  it('says when the kept leaves were changed', async () => {
    await changeLeaves(url, 1, ({ seq }) => seq !== 9);
    const { ok, root, sealedRoot, keptRoot, differences } = await sweeps.verify({ sweepId: 's' });
    expect(ok).toBe(false);
    expect(root).toBe(sealedRoot);
    expect(keptRoot).not.toBe(sealedRoot);
    expect(differences.map(({ kind, seq }) => [kind, seq])).toEqual([
      ['added', 9],
      ['added', 9],
      ['added', 9],
    ]);
  });

  it.each([
    ['hashes', `'AAAA'`],
    ['hashes', `''`],
    ['receipts', `'{}'`],
    ['receipts', `'nothing'`],
    ['receipts', `'{"steps":["s"],"rows":[0,0.5,0]}'`],
    ['receipts', `'null'`],
  ])('says so when %s of them are %s', async (column, value) => {
    await tamper(`update sealed_hashes set ${column} = ${value} where first_seq = 0`, 'sealed_hashes');
    const { ok, root, sealedRoot, keptRoot, differences } = await sweeps.verify({ sweepId: 's' });
    expect({ ok, root }).toEqual({ ok: false, root: sealedRoot });
    expect(keptRoot).not.toBe(sealedRoot);
    expect(differences).toContainEqual(expect.objectContaining({ kind: 'added', seq: 0, step: 'plaid.items' }));
  });

  it.each([
    ['all', () => true],
    ['a half of the users', ({ seq }: { seq: number }) => seq < 333],
    ['one receipt of each user', ({ step }: { step: string }) => step === 'plaid.products'],
  ])('is read as an earlier version stored the leaves of %s', async (_which, isMoved) => {
    await storeAsBefore(url, 1, isMoved);
    const { merkleRoot } = await sweeps.seal({ sweepId: 's' });
    expect(await sweeps.verify({ sweepId: 's', expectedRoot: merkleRoot })).toMatchObject({
      ok: true,
      keptRoot: merkleRoot,
      receipts: USERS * 3,
      differenceCount: 0,
    });
    expect((await sweeps.readSealed({ sweepId: 's', from: 300, to: 399 })).size).toBe(300);
    const [gone, changed] = [await idOf(7, 'plaid.products'), await idOf(600, 'batch.ios')];
    await tamper(`delete from receipts where id = ${gone}`);
    await tamper(`update receipts set outcome = 'failed' where id = ${changed}`);
    const { ok, differences } = await sweeps.verify({ sweepId: 's' });
    expect(ok).toBe(false);
    expect([...differences].sort((a, b) => a.seq - b.seq)).toEqual([
      { kind: 'removed', seq: 7, step: 'plaid.products', receipt: gone },
      { kind: 'changed', seq: 600, step: 'batch.ios', receipt: changed },
    ]);
  });

  it('is the same when another version has stored some of the leaves, in rows of other users', async () => {
    await storeAsBefore(url, 1, ({ seq }) => seq < 40);
    await changeLeaves(url, 1, ({ seq }) => seq >= 100 && seq < 300);
    await runRaw(url, `update sweeps set merkle_root = null, leaves = null`);
    const { merkleRoot } = await sweeps.seal({ sweepId: 's' });
    expect(await sweeps.verify({ sweepId: 's' })).toMatchObject({ ok: true, root: merkleRoot, keptRoot: merkleRoot });
  });

  it('proves receipts with the root alone', async () => {
    const { leaves } = await sweeps.seal({ sweepId: 's' });
    const proofs = await sweeps.prove({ sweepId: 's', seqs: [0, 444, USERS - 1, 999_999] });
    expect(proofs.map(({ seq }) => seq)).toEqual([0, 0, 0, 444, 444, 444, USERS - 1, USERS - 1, USERS - 1]);
    const { receiptsRoot } = await headOf('s');
    const root = Buffer.from(receiptsRoot, 'hex');
    for (const { fields, index, path } of proofs) {
      const proof = { index, leaves, path: path.map((hash) => Buffer.from(hash, 'hex')) };
      expect(isIncluded(sha256, leafOf(fields), proof, root)).toBe(true);
      expect(isIncluded(sha256, leafOf([...fields, null]), proof, root)).toBe(false);
    }
    await tamper(`update receipts set outcome = 'failed' where seq = 1`);
    await expect(sweeps.prove({ sweepId: 's', seqs: [0] })).rejects.toThrow(SweepConflictError);
  });

  it('is the same whatever characters a receipt has, and for a user with more receipts than one read returns', async () => {
    await sweepOf(sweeps, 'odd', rowsOf(0, 3));
    const chunk = { sweepId: 'odd', chunkId: 'c', fence: 0 };
    chunk.fence = await sweeps.takeFence(chunk);
    const users = await sweeps.openWave({ ...chunk, range: { from: 0, to: 2 }, wave: 1, limit: 3 });
    const texts = [
      'a "b" \\ c',
      '[1, 2]',
      'é ü ß',
      '日本',
      '🙂',
      '\u2028\u2029',
      '\u007f',
      '\u0001\b\f\n\r\t',
      '</script>',
      "it's, so",
      '1e5',
      'null',
      ' ',
    ];
    const odd = users.map((user) => ({
      kind: 'settled' as const,
      seq: user.seq,
      round: user.round,
      receipts:
        user.seq === 1
          ? Array.from({ length: 2_600 }, (_, index) => receiptOf(user, { step: `plaid.step-${index}` }))
          : [
              ...texts.map((text, index) =>
                receiptOf(user, {
                  step: `plaid.odd-${index}`,
                  requestId: text,
                  token: text,
                  code: text,
                  status: index,
                }),
              ),
              // As many as there are between 23 values.
              receiptOf(user, { step: 'plaid.commas', requestId: 'commas', token: ', '.repeat(22) }),
            ],
    }));
    await sweeps.flushWave({ ...chunk, users: odd });
    const { merkleRoot, leaves } = await sweeps.seal({ sweepId: 'odd' });
    expect(leaves).toBe(2_600 + 2 * (texts.length + 1));
    // Read column by column.
    expect(await sweeps.verify({ sweepId: 'odd' })).toMatchObject({ ok: true, root: merkleRoot, receipts: leaves });
    const proofs = await sweeps.prove({ sweepId: 'odd', seqs: [0, 1, 2] });
    expect(proofs.map(({ index }) => index)).toEqual(Array.from({ length: leaves }, (_, index) => index));
    expect(
      proofs
        .filter(({ seq }) => seq === 2)
        .map(({ fields }) => fields[19])
        .sort(),
    ).toEqual([...texts, 'commas'].sort());
    const all: number[] = [];
    for await (const { index } of sweeps.proveAll({ sweepId: 'odd' })) all.push(index);
    expect(all).toHaveLength(leaves);
  });

  it('continues after a process died in the middle of sealing', async () => {
    await finished('half', 750);
    const stopped = new Error('died');
    const dying = sweeps.seal({
      sweepId: 'half',
      onProgress: () => {
        throw stopped;
      },
    });
    await expect(dying).rejects.toThrow(stopped);
    expect(await sweeps.read('half')).not.toHaveProperty('merkleRoot');
    await expect(sweeps.verify({ sweepId: 'half' })).rejects.toThrow(SweepConflictError);
    const [first, second] = await Promise.all([
      sweeps.seal({ sweepId: 'half' }),
      (await open(url)).sweeps.seal({ sweepId: 'half' }),
    ]);
    expect(first).toEqual(second);
    expect(await sweeps.verify({ sweepId: 'half' })).toMatchObject({ ok: true, receipts: 2_250 });
  });

  it('of a sweep without receipts is the root of the empty tree', async () => {
    await sweeps.create({ sweepId: 'empty' });
    await sweeps.seal({ sweepId: 'empty' });
    const { receipts, receiptsRoot } = await headOf('empty');
    expect(receipts).toBe(0);
    expect(receiptsRoot).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(await sweeps.verify({ sweepId: 'empty' })).toMatchObject({ ok: true, receipts: 0 });
  });
});

describe('the leaf of a receipt', () => {
  it('is the same for the same receipt from either database, and another for every other', () => {
    const fields = [
      's',
      '',
      '',
      0,
      'plaid.items',
      'settled',
      0,
      1,
      's',
      'subject',
      'task',
      'plaid',
      'sandbox',
      null,
      'removed',
    ];
    const hex = Buffer.from(leafOf(fields)).toString('hex');
    // Computed once with `printf '\0["s",…]' | sha256sum`: a change here makes every seal unverifiable.
    expect(hex).toBe('5526a7abeabb8c4024fb1de75b526dcf142419664e384ac8348b6c16b61d7d6f');
    const others = [
      ['s', ''],
      ['s,', ...fields.slice(1)],
      [...fields.slice(0, 3), '0', ...fields.slice(4)],
    ];
    for (const other of others) expect(Buffer.from(leafOf(other)).toString('hex')).not.toBe(hex);
  });
});
