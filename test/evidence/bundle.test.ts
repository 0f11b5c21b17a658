import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { nodeCrypto } from '@temporal-http-tasks/cli/internal/bundle/node-crypto';
import { webCrypto } from '@temporal-http-tasks/evidence/internal/verifier/encoding';
import type { EvidenceCrypto } from '@temporal-http-tasks/evidence/internal/verifier/encoding';
import { verifyBundle } from '@temporal-http-tasks/evidence/internal/verifier/verify-bundle';
import type { Anchors } from '@temporal-http-tasks/evidence/internal/verifier/verify-bundle';
import { DATABASES, cleanUp } from '../ledger/databases';
import { amount } from '../support/amount';
import { BundleStage, newSealKey } from './bundle-stage';
import type { StagedBundle } from './bundle-stage';
import { MUTATIONS, drawFrom, joined } from './mutations';

/** Changed bundles, and how many of them the Python verifier and the one with WebCrypto read too. */
const HOW_MANY = amount(1_500, { whole: 10_000 });
const IN_ALL = amount(150, { whole: 10_000 });
const LIMIT_MS = amount(180_000, { whole: 900_000 });
/** Bundles that Python reads in one process. */
const AT_ONCE = 1_000;

const PYTHON_DRIVER = `
import base64, json, sys
sys.path.insert(0, sys.argv[1])
import verify
many = json.load(sys.stdin)
print(json.dumps([verify.verify(base64.b64decode(data), **anchors)["exit"] for data, anchors in many]))
`;

/** The exit codes of docs/evidence/verify.py for many bundles, in one process. */
function pythonCodes(cases: readonly { text: string; anchors: Anchors }[]): number[] {
  const folder = path.join(__dirname, '../../docs/evidence');
  const input = JSON.stringify(cases.map(({ text, anchors }) => [Buffer.from(text).toString('base64'), anchors]));
  const { stdout, stderr, status } = spawnSync('python3', ['-B', '-c', PYTHON_DRIVER, folder], {
    input,
    maxBuffer: 2 ** 26,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as number[];
}

async function codeOf(text: string, anchors: Anchors, crypto: EvidenceCrypto = nodeCrypto): Promise<number> {
  const { ok, differenceCount } = await verifyBundle([text], crypto, anchors);
  if (ok) return 0;
  return differenceCount > 0 ? 1 : 3;
}

/** Whether a text is the bundle, or the bundle without some of its receipts. */
function isPartOf(text: string, bundle: string): boolean {
  const rest = bundle.split('\n');
  return text.split('\n').every((line) => {
    const at = rest.indexOf(line);
    rest.splice(0, at + 1);
    return at >= 0;
  });
}

describe.each(DATABASES)('a bundle from $name', ({ freshUrl }) => {
  let signed: BundleStage;
  let unsigned: BundleStage;

  beforeAll(async () => {
    signed = await BundleStage.open(await freshUrl(), newSealKey());
    unsigned = await BundleStage.open(await freshUrl());
  });
  afterAll(cleanUp);

  it('is confirmed by its root, a checkpoint that was kept, or the key of the log, in every verifier', async () => {
    const bundles = [await signed.ofSweep('first'), await signed.ofSweep('first', [3, 7, 99]), await signed.ofRun()];
    const cases = bundles.flatMap(({ text, roots, checkpoint, keys }) =>
      [{ roots }, { keys }, { checkpoints: [checkpoint] }, { roots, keys, checkpoints: [checkpoint] }].map(
        (anchors) => ({
          text,
          anchors,
        }),
      ),
    );
    for (const { text, anchors } of cases) {
      expect(await verifyBundle([text], nodeCrypto, anchors)).toMatchObject({
        ok: true,
        anchored: true,
        differences: [],
      });
      const halves = [text.slice(0, 1_000), text.slice(1_000)];
      expect(await verifyBundle(halves, webCrypto(), anchors)).toMatchObject({ ok: true });
    }
    expect(pythonCodes(cases)).toEqual(cases.map(() => 0));
    const [whole, part, run] = bundles.map(({ text }) => text);
    expect(await verifyBundle([whole ?? ''], nodeCrypto)).toMatchObject({ ok: false, anchored: false, complete: true });
    expect(await verifyBundle([part ?? ''], nodeCrypto)).toMatchObject({ complete: false, differences: [] });
    expect(await verifyBundle([run ?? ''], nodeCrypto)).toMatchObject({
      complete: true,
      sections: [{ head: { kind: 'run', workflowId: 'w' } }, { head: { kind: 'call', runId: 'lone' } }],
    });
    expect(pythonCodes([{ text: whole ?? '', anchors: {} }])).toEqual([3]);
  });

  it('is read in a time that grows with its length, however many pieces a line is in', async () => {
    const pieces = [...Array<string>(100_000).fill('a'.repeat(100)), '\n'];
    expect(await verifyBundle(pieces, nodeCrypto)).toMatchObject({ ok: false, differences: [{ line: 1 }, {}] });
  });

  it('says unsigned without a seal key, and is confirmed by its root or a checkpoint that was kept', async () => {
    const { text, roots, checkpoint } = await unsigned.ofSweep('first');
    expect(checkpoint).toMatch(/\nunsigned\n\n$/);
    for (const anchors of [{ roots }, { checkpoints: [checkpoint] }]) {
      expect(await codeOf(text, anchors)).toBe(0);
      expect(pythonCodes([{ text, anchors }])).toEqual([0]);
    }
  });

  it('contradicts what another sweep, log or key confirms', async () => {
    const [bundle, other, foreign] = [
      await signed.ofSweep('first', [3]),
      await signed.ofSweep('second', [3]),
      await unsigned.ofSweep('first', [3]),
    ];
    const stranger = await BundleStage.open(await freshUrl(), newSealKey());
    const { keys } = await stranger.ledger.log.state();
    const wrong: Anchors[] = [
      { roots: other.roots },
      { roots: [...bundle.roots, ...other.roots] },
      { checkpoints: [foreign.checkpoint] },
      { keys },
      { roots: bundle.roots, keys },
    ];
    const cases = wrong.map((anchors) => ({ text: bundle.text, anchors }));
    for (const { text, anchors } of cases) expect(await codeOf(text, anchors)).toBe(1);
    expect(pythonCodes(cases)).toEqual(cases.map(() => 1));
  });
});

describe('a bundle that was changed', () => {
  const bundles: { bundle: StagedBundle; other: StagedBundle; anchors: Anchors }[] = [];

  beforeAll(async () => {
    const freshUrl = DATABASES[0]?.freshUrl ?? (() => Promise.reject(new Error('no database')));
    const signed = await BundleStage.open(await freshUrl(), newSealKey());
    const unsigned = await BundleStage.open(await freshUrl());
    const few = [3, 7, 31, 99];
    const one = await signed.ofSweep('first', few);
    const plain = await unsigned.ofSweep('first', few);
    const run = await signed.ofRun();
    bundles.push(
      { bundle: one, other: await signed.ofSweep('second', few), anchors: { roots: one.roots } },
      { bundle: one, other: run, anchors: { keys: one.keys } },
      { bundle: run, other: one, anchors: { roots: run.roots } },
      { bundle: plain, other: await unsigned.ofSweep('second', few), anchors: { checkpoints: [plain.checkpoint] } },
    );
  });
  afterAll(cleanUp);

  it(
    'is never verified, and all verifiers agree',
    async () => {
      const draw = drawFrom(Number(createHash('sha256').update(String(HOW_MANY)).digest().readUInt32LE()));
      const names = Object.keys(MUTATIONS);
      const sample: { text: string; anchors: Anchors; code: number; name: string }[] = [];
      const passed: string[] = [];
      for (let [round, changed] = [0, 0]; changed < HOW_MANY; round++) {
        const { bundle, other, anchors } = bundles[round % bundles.length] ?? { bundle: undefined };
        if (bundle === undefined) continue;
        const name = names[Math.floor(round / bundles.length) % names.length] ?? '';
        const [lines, others] = [bundle.text, other.text].map((text) => text.split('\n').slice(0, -1));
        const text = MUTATIONS[name]?.(lines ?? [], draw, others ?? []) ?? '';
        if (text === bundle.text) continue;
        changed += 1;
        const code = await codeOf(text, anchors);
        // Without some of its receipts it verifies, and says that it is not complete.
        if (code === 0 && !isPartOf(text, bundle.text)) passed.push(`${name} (${round}): ${text.slice(0, 300)}`);
        if (code === 0) expect(await verifyBundle([text], nodeCrypto, anchors)).toMatchObject({ complete: false });
        if (changed % Math.floor(HOW_MANY / IN_ALL) === 0) sample.push({ text, anchors, code, name });
      }
      expect(sample).toHaveLength(IN_ALL);
      for (const { text, anchors, code, name } of sample)
        expect({ name, code: await codeOf(text, anchors, webCrypto()) }).toEqual({ name, code });
      expect(passed).toEqual([]);
      const codes: number[] = [];
      for (let from = 0; from < IN_ALL; from += AT_ONCE) codes.push(...pythonCodes(sample.slice(from, from + AT_ONCE)));
      expect(
        sample.flatMap(({ name, code }, index) => (code === codes[index] ? [] : [`${name}: ${code}, ${codes[index]}`])),
      ).toEqual([]);
      expect(codes.filter((code) => code === 1).length).toBeGreaterThan(sample.length / 2);
    },
    LIMIT_MS,
  );

  it('verifies with fewer receipts only as not complete', async () => {
    for (const { bundle, anchors } of bundles.slice(0, 2)) {
      const lines = bundle.text.split('\n').slice(0, -1);
      for (const kept of [lines.slice(0, 1), lines.slice(0, 3), [lines[0] ?? '', lines.at(-1) ?? '']]) {
        const verification = await verifyBundle([joined(kept)], nodeCrypto, anchors);
        expect(verification).toMatchObject({ ok: true, complete: false, differences: [] });
        expect(verification.sections[0]?.receipts).toBe(kept.length - 1);
      }
    }
  });
});
