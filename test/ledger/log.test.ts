import { createHash, generateKeyPairSync, verify } from 'node:crypto';
import { leafHash, MerkleTree, isIncluded } from 'temporal-http-tasks/internal/policy/merkle';
import type { Hash } from 'temporal-http-tasks/internal/policy/merkle';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { DATABASES, SUBJECT_KEY, cleanUp, open, runRaw, subject } from './databases';
import { resetClock, setClock } from './sweeps/at-time';
import { writeExampleSweep } from './sweeps/example-sweep';

const sha256: Hash = (bytes) => createHash('sha256').update(bytes).digest();

const CALL = { task: 'plaid.itemRemove', step: 'plaid.items', service: 'plaid', environment: 'sandbox' };

function sealKey(): { pem: string; raw: Buffer } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    pem: String(privateKey.export({ format: 'pem', type: 'pkcs8' })),
    raw: Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'),
  };
}

async function recordCall(ledger: OpenedLedger, runId: string, activityId = 'a1'): Promise<void> {
  const key = { workflowId: 'w', runId, activityId, attempt: 1, ...CALL };
  const subjects = [subject('u1'), subject('u2')];
  await ledger.recordIntent({ ...key, refuseUnsettled: true, subjects, holdSubjects: subjects });
  await ledger.recordOutcome({ ...key, subjects, outcome: 'removed' });
}

describe.each(DATABASES)('the log of a ledger in $name', ({ freshUrl }) => {
  afterAll(cleanUp);

  it('holds every call, run, hold and stop, each in the tree of its checkpoint', async () => {
    const url = await freshUrl();
    const ledger = await open(url);
    await recordCall(ledger, 'r1');
    await recordCall(ledger, 'r2');
    await ledger.recordEnd({
      workflowId: 'w',
      runId: 'r2',
      environment: 'sandbox',
      subject: subject('u1'),
      steps: [{ step: 'plaid.items', task: 'plaid.itemRemove', outcome: 'removed' }],
      compensations: [],
    });
    await ledger.addHold({ holdId: 'h', subjects: [subject('u3')], reason: 'case 7' });
    await ledger.removeHolds({ holdId: 'h' });
    await ledger.stop({ reason: 'drill', by: 'ann' });
    await ledger.start({ by: 'ben' });
    const { added, checkpoint, written } = await ledger.log.seal();
    expect([added, written, checkpoint.size]).toEqual([6, true, 6]);
    const leaves = await ledger.log.readLeaves({ from: 0, limit: 100 });
    expect(leaves.map(({ kind }) => kind).sort()).toEqual(['call', 'hold', 'hold', 'run', 'stop', 'stop']);
    for (const { number, leaf, content } of leaves) {
      expect(Buffer.from(leafHash(sha256, Buffer.from(content ?? ''))).toString('hex')).toBe(leaf);
      const path = (await ledger.log.proveInclusion({ number, size: 6 })).map((node) => Buffer.from(node, 'hex'));
      const place = { index: number, leaves: 6, path };
      expect(isIncluded(sha256, Buffer.from(leaf, 'hex'), place, Buffer.from(checkpoint.root, 'hex'))).toBe(true);
    }
    const run = leaves.find(({ kind }) => kind === 'run');
    expect(JSON.parse(run?.content ?? '')).toMatchObject({ workflowId: 'w', runId: 'r2', receipts: 5 });
    // Nothing new: neither a leaf nor a checkpoint.
    expect(await ledger.log.seal()).toMatchObject({ added: 0, written: false });
  });

  it('seals receipts that are written while others of the same run are numbered', async () => {
    const url = await freshUrl();
    const ledger = await open(url);
    const others = await Promise.all([open(url), open(url)]);
    const runs = Array.from({ length: 30 }, (_, index) => `r${index % 3}`);
    await Promise.all([
      ...runs.map((runId, index) => recordCall(ledger, runId, `a${index}`)),
      ...others.flatMap((other) => [other.log.seal(), other.log.seal(), other.log.seal()]),
    ]);
    await ledger.log.seal();
    const { size, root, queued } = await ledger.log.state();
    const leaves = await ledger.log.readLeaves({ from: 0, limit: 1_000 });
    expect(queued).toBe(false);
    expect(leaves.map(({ number }) => number)).toEqual(Array.from({ length: size }, (_, index) => index));
    const tree = new MerkleTree(sha256);
    for (const { leaf } of leaves) tree.add(Buffer.from(leaf, 'hex'));
    expect(Buffer.from(tree.finish()).toString('hex')).toBe(root);
    const last = new Map<string, number>();
    for (const { content } of leaves) {
      const { runId, activityId, receipts } = JSON.parse(content ?? '') as Record<string, string & number>;
      last.set(`${runId} ${activityId}`, receipts ?? 0);
    }
    expect([...last.values()]).toEqual(runs.map(() => 4));
  });

  it('numbers a row that is committed after rows with a higher ID', async () => {
    const url = await freshUrl();
    const ledger = await open(url);
    await runRaw(url, `insert into log_queue (kind, ref, content) values ('policy', 'first', '{"n":1}')`);
    await runRaw(url, `insert into log_queue (kind, ref, content) values ('policy', 'second', '{"n":2}')`);
    const late = await runRaw(url, `select id from log_queue where ref = 'first'`);
    await runRaw(url, `delete from log_queue where ref = 'first'`);
    await ledger.log.seal();
    const override = url.startsWith('file:') ? '' : 'overriding system value';
    const insert = `insert into log_queue (id, kind, ref, content) ${override}`;
    await runRaw(url, `${insert} values (${String(late[0]?.id)}, 'policy', 'first', '{"n":1}')`);
    expect(await ledger.log.seal()).toMatchObject({ added: 1 });
    expect((await ledger.log.readLeaves({ from: 0, limit: 9 })).map(({ ref }) => ref)).toEqual(['second', 'first']);
  });

  it('has what a running sweep has recorded so far, once, and nothing of it after its end', async () => {
    const url = await freshUrl();
    const ledger = await open(url);
    await ledger.log.seal();
    await writeExampleSweep(ledger, { sweepId: 'running', users: 100, ends: false });
    // The last time was less than ten minutes ago.
    expect(await ledger.log.seal()).toMatchObject({ added: 1 });
    const parts = () => ledger.log.find({ kind: 'part', ref: 'running' });
    expect(await parts()).toEqual([]);
    await Promise.all([ledger, await open(url)].map((one) => one.log.seal({ parts: true })));
    await ledger.log.seal({ parts: true });
    const [part, ...more] = await parts();
    const [count] = await runRaw(url, `select count(*) as receipts from receipts where workflow_id = 'running'`);
    expect(more).toEqual([]);
    expect(JSON.parse(part?.content ?? '')).toMatchObject({ sweepId: 'running', receipts: Number(count?.receipts) });
    await ledger.sweeps.seal({ sweepId: 'running' });
    await ledger.log.seal({ parts: true });
    expect((await ledger.log.readLeaves({ from: 0, limit: 100 })).at(-1)).toMatchObject({ kind: 'sweep' });
    try {
      setClock(new Date(Date.now() + 11 * 60_000).toISOString());
      await writeExampleSweep(ledger, { sweepId: 'next', users: 100, ends: false });
      setClock(new Date(Date.now() + 11 * 60_000).toISOString());
      await ledger.log.seal();
    } finally {
      resetClock();
    }
    expect(await ledger.log.find({ kind: 'part', ref: 'next' })).toHaveLength(1);
    expect(await parts()).toHaveLength(1);
  });

  it('signs checkpoints with each key, and again when the keys change', async () => {
    const url = await freshUrl();
    const [old, next] = [sealKey(), sealKey()];
    const unsigned = await (await open(url)).log.seal();
    expect(unsigned.checkpoint).toMatchObject({ signed: false, size: 0 });
    expect(unsigned.checkpoint.note).toMatch(/\nunsigned\n\n$/);
    const signed = await (await open(url, { sealKey: old.pem })).log.seal();
    expect(signed).toMatchObject({ written: true, checkpoint: { signed: true } });
    const both = await open(url, { sealKey: `${next.pem}\n${old.pem}` });
    const { checkpoint } = await both.log.seal();
    const [body = '', signatures = ''] = checkpoint.note.split('\n\n');
    const lines = signatures.split('\n').filter((line) => line !== '');
    expect(lines).toHaveLength(2);
    const { origin, keys } = await both.log.state();
    lines.forEach((line, index) => {
      const [, name, text = ''] = line.split(' ');
      const bytes = Buffer.from(text, 'base64');
      const raw = [next, old][index]?.raw ?? Buffer.alloc(0);
      const key = {
        key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') },
        format: 'jwk' as const,
      };
      expect(name).toBe(origin);
      expect(keys[index]).toBe(
        `${origin}+${bytes.subarray(0, 4).toString('hex')}+${Buffer.concat([Buffer.from([1]), raw]).toString('base64')}`,
      );
      expect(verify(null, Buffer.from(`${body}\n`), key, bytes.subarray(4))).toBe(true);
    });
    expect(await both.log.seal()).toMatchObject({ written: false });
  });
});

it('refuses an invalid seal key', async () => {
  await expect(openLedger({ url: 'file::memory:', subjectKey: SUBJECT_KEY, sealKey: 'secret' })).rejects.toThrow(
    /^HTTP_TASKS_SEAL_KEY: must be one or more PKCS#8 PEM blocks/,
  );
});
