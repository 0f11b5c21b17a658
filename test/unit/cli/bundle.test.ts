import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyFirstBundle as verifyBundle } from '@temporal-http-tasks/cli/internal/bundle/check-version-1';
import type { BundleVerification } from '@temporal-http-tasks/cli/internal/bundle/check-version-1';
import { bundleVersion } from '@temporal-http-tasks/cli/internal/bundle/verify-file';
import { SEALED_COLUMNS, leafOf, sha256 } from 'temporal-http-tasks/internal/ledger/sweeps/receipt-leaf';
import type { SealedField } from 'temporal-http-tasks/internal/ledger/sweeps/receipt-leaf';
import { MerkleTree, emptyRoot, isIncluded } from 'temporal-http-tasks/internal/policy/merkle';

const folder = mkdtempSync(join(tmpdir(), 'http-tasks-bundle-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Line {
  receipt: number;
  seq: number;
  step: string;
  index: number;
  fields: SealedField[];
  path: string[];
}

type Header = Record<string, unknown> & { merkleRoot: string; leaves: number };

interface Bundle {
  header: Header;
  lines: Line[];
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A bundle as `receipts SWEEP --bundle` writes it, of users with one receipt each. */
function bundleOf(outcomes: readonly string[]): Bundle {
  const tree = new MerkleTree(sha256);
  const all = outcomes.map((outcome, seq) => {
    const values: Record<string, SealedField> = {
      workflow_id: 'closed',
      run_id: '',
      activity_id: '',
      seq,
      step: 'plaid.items',
      phase: 'settled',
      round: 0,
      attempt: 1,
      sweep_id: 'closed',
      subject: `subject-${seq}`,
      task: 'plaid.userItemsRemove',
      service: 'plaid',
      environment: 'production',
      outcome,
      at: '2030-01-02T00:00:00.000Z',
    };
    const fields = SEALED_COLUMNS.map((column) => values[column] ?? null);
    return { seq, fields, index: tree.add(leafOf(fields), true) };
  });
  const merkleRoot = hex(tree.finish());
  const counts = Object.fromEntries(
    [...new Set(outcomes)].map((outcome) => [outcome, outcomes.filter((one) => one === outcome).length]),
  );
  return {
    header: {
      bundle: 'temporal-http-tasks receipts',
      version: 1,
      sweepId: 'closed',
      runId: 'a-run',
      status: 'completed',
      users: outcomes.length,
      counts,
      createdAt: '2030-01-01T23:00:00.000Z',
      endedAt: '2030-01-02T01:00:00.000Z',
      merkleRoot,
      leaves: outcomes.length,
    },
    lines: all.map(({ seq, fields, index }) => ({
      receipt: 100 + seq,
      seq,
      step: 'plaid.items',
      fields,
      index,
      path: tree.proof(index).map(hex),
    })),
  };
}

async function check(
  { header, lines }: Bundle,
  expectedRoot: string | undefined = header.merkleRoot,
  part = false,
): Promise<BundleVerification> {
  const file = join(folder, 'bundle.jsonl');
  writeFileSync(file, [header, ...lines].map((line) => `${JSON.stringify(line)}\n`).join(''));
  return verifyBundle({ file, expectedRoot, part });
}

const removed = (users: number): string[] => Array.from({ length: users }, () => 'removed');

function withHeader({ header, lines }: Bundle, changes: Record<string, unknown>): Bundle {
  return { header: { ...header, ...changes }, lines };
}

describe('a bundle with the root that was kept', () => {
  it.each(Array.from({ length: 18 }, (_, index) => index + 1))(
    'of %d receipts is whole, and with any other number of leaves is not',
    async (users) => {
      const whole = bundleOf(removed(users));
      const root = whole.header.merkleRoot;
      expect(await check(whole)).toMatchObject({
        ok: true,
        anchored: true,
        receipts: users,
        leaves: users,
        differences: [],
      });
      for (let leaves = 0; leaves <= 2 * users + 1; leaves += 1) {
        if (leaves === users) continue;
        // What a forger keeps: every receipt that still leads to the root, at whatever place it then has.
        const kept = whole.lines.flatMap((line) =>
          Array.from({ length: leaves }, (_, index) => ({ ...line, index }))
            .filter(({ index, fields, path }) =>
              isIncluded(
                sha256,
                leafOf(fields),
                { index, leaves, path: path.map((node) => Buffer.from(node, 'hex')) },
                Buffer.from(root, 'hex'),
              ),
            )
            .slice(0, 1),
        );
        const found = await check(withHeader({ ...whole, lines: kept }, { leaves }));
        expect({ leaves, ok: found.ok, isProven: !found.notProven.includes('leaves') }).toEqual({
          leaves,
          ok: false,
          isProven: false,
        });
        expect((await check(withHeader({ ...whole, lines: kept }, { leaves }), root, true)).notProven).toContain(
          'leaves',
        );
      }
    },
  );

  it('that lacks a receipt is not ok, whether or not the number of leaves is proven', async () => {
    const whole = bundleOf(removed(8));
    for (const missing of whole.lines) {
      const part = { ...whole, lines: whole.lines.filter((line) => line !== missing) };
      expect(await check(part)).toMatchObject({ ok: false, anchored: true, receipts: 7 });
      expect(await check(part, undefined, true)).toMatchObject({ ok: true, anchored: true, receipts: 7 });
    }
    expect(await check({ ...whole, lines: [] }, undefined, true)).toMatchObject({ ok: false, receipts: 0 });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['sweep', { sweepId: 'another' }, 'sweepId'],
    ['number of users', { users: 1_000_000 }, 'users'],
    ['number of users, too small', { users: 2 }, 'users'],
    ['number of users that is none', { users: 'many' }, 'users'],
    ['count', { counts: { removed: 1, accepted: 2 } }, 'counts.removed'],
    ['status', { status: 'failed' }, 'status'],
    ['time of its start', { createdAt: '2031-01-01T00:00:00.000Z' }, 'createdAt'],
    ['time of its end', { endedAt: '2029-01-01T00:00:00.000Z' }, 'endedAt'],
    ['time that is none', { endedAt: 'yesterday' }, 'endedAt'],
    ['order of the fields', { fields: [...SEALED_COLUMNS].reverse() }, 'fields'],
    ['tree', { tree: 'another' }, 'tree'],
  ])('and another %s than its receipts say is a difference', async (_, changes, field) => {
    const { ok, differences } = await check(withHeader(bundleOf(removed(3)), changes));
    expect(ok).toBe(false);
    expect(differences).toContainEqual(expect.objectContaining({ kind: 'header', field }));
  });

  it('that says completed although a user failed is a difference, also in a part', async () => {
    const bundle = bundleOf(['removed', 'failed', 'removed']);
    expect((await check(bundle)).differences).toEqual([expect.objectContaining({ field: 'status' })]);
    expect(await check(withHeader(bundle, { status: 'partial' }))).toMatchObject({ ok: true });
    expect((await check({ ...bundle, lines: bundle.lines.slice(1, 2) }, undefined, true)).differences).toEqual([
      expect.objectContaining({ field: 'status' }),
    ]);
  });

  it('counts users without a receipt as skipped', async () => {
    const bundle = bundleOf(removed(3));
    expect(await check(withHeader(bundle, { users: 5, counts: { removed: 3, skipped: 2 } }))).toMatchObject({
      ok: true,
    });
    expect(await check(withHeader(bundle, { users: 5, counts: { removed: 5 } }))).toMatchObject({ ok: false });
  });

  it('reports every field that its receipts do not prove, unknown fields too', async () => {
    const { ok, notProven } = await check(withHeader(bundleOf(removed(3)), { approvedBy: 'A. Person' }));
    expect({ ok, notProven }).toEqual({
      ok: true,
      notProven: ['runId', 'status', 'users', 'counts', 'createdAt', 'endedAt', 'approvedBy', 'receipt'],
    });
  });

  it('without leaves is refused, unless the root is that of no receipts', async () => {
    const none = { header: { ...bundleOf(removed(2)).header, leaves: 0, users: 0, counts: {} }, lines: [] };
    expect(await check(none)).toMatchObject({ ok: false, differences: [{ field: 'leaves' }] });
    const empty = withHeader(none, { merkleRoot: hex(emptyRoot(sha256)) });
    expect(await check(empty)).toMatchObject({
      ok: true,
      receipts: 0,
      notProven: expect.arrayContaining(['sweepId']) as string[],
    });
  });

  it('takes no line with a field that nothing seals', async () => {
    const bundle = bundleOf(removed(2));
    const [first, second] = bundle.lines;
    const lines = [first, { ...second, note: 'verified by the auditor' }] as Line[];
    expect(await check({ ...bundle, lines })).toMatchObject({
      ok: false,
      differences: [{ kind: 'unreadable', line: 3 }],
    });
  });
});

it('a bundle alone is never ok', async () => {
  const file = join(folder, 'alone.jsonl');
  const { header, lines } = bundleOf(removed(3));
  writeFileSync(file, [header, ...lines].map((line) => JSON.stringify(line)).join('\n'));
  expect(await verifyBundle({ file })).toMatchObject({ ok: false, anchored: false, receipts: 3, differenceCount: 0 });
});

it('a folder is refused like a file that is not there', async () => {
  await expect(bundleVersion(folder)).rejects.toMatchObject({
    type: 'Usage',
    message: expect.stringContaining('EISDIR'),
  });
  await expect(bundleVersion(join(folder, 'none'))).rejects.toMatchObject({ type: 'Usage' });
});
