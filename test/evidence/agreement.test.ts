import { spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import path from 'node:path';
import { nodeCrypto } from '@temporal-http-tasks/cli/internal/bundle/node-crypto';
import { canonical, webCrypto } from '@temporal-http-tasks/evidence/internal/verifier/encoding';
import { verifyBundle } from '@temporal-http-tasks/evidence/internal/verifier/verify-bundle';
import type { Anchors } from '@temporal-http-tasks/evidence/internal/verifier/verify-bundle';
import { withSum } from './bundle-stage';

// Bundles that a forger with a key of their own makes. Whatever they contain, the verifiers agree: libraries for JSON and
// Ed25519 do not, on what docs/evidence.md forbids.

type Json = Record<string, unknown>;

const sha256 = (...parts: readonly (string | Buffer)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const leafOf = (text: string): string => sha256('\0', Buffer.from(text)).toString('hex');

/** A signer of notes. */
class Signer {
  readonly #pair = generateKeyPairSync('ed25519');
  readonly raw: Buffer;

  constructor(
    readonly name: string,
    readonly algorithm = 1,
  ) {
    this.raw = Buffer.from(this.#pair.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  }

  get private(): KeyObject {
    return this.#pair.privateKey;
  }

  get key(): string {
    return keyOf(this.name, this.algorithm, this.raw);
  }

  sign(text: string): Buffer {
    return sign(null, Buffer.from(text), this.private);
  }

  line(signed: Buffer): string {
    return `— ${this.name} ${Buffer.concat([idOf(this.name, this.algorithm, this.raw), signed]).toString('base64')}\n`;
  }
}

function idOf(name: string, algorithm: number, raw: Buffer): Buffer {
  return sha256(`${name}\n`, Buffer.from([algorithm]), raw).subarray(0, 4);
}

function keyOf(name: string, algorithm: number, raw: Buffer, id = idOf(name, algorithm, raw).toString('hex')): string {
  return `${name}+${id}+${Buffer.concat([Buffer.from([algorithm]), raw]).toString('base64')}`;
}

const log = new Signer('log');
const witness = new Signer('witness', 4);
const other = new Signer('other');

interface Forgery {
  head?: Json;
  fields?: unknown[];
  index?: number;
  header?: Json;
  /** Body of the checkpoint; by default a log with the head alone. */
  body?: (root: string) => string;
  /** Lines with signatures. */
  lines?: (body: string) => string[];
}

const FIELDS = ['s', '', '', ...Array.from({ length: 20 }, () => null)];

/** Returns a bundle with one receipt, and the anchors that confirm it. */
function forged({ head, fields = FIELDS, index = 0, header, body, lines }: Forgery): {
  text: string;
  root: string;
  signed: string;
} {
  const whole = {
    kind: 'sweep',
    sweepId: 's',
    origin: 'log',
    keys: [log.key],
    receipts: 1,
    receiptsRoot: leafOf(JSON.stringify(fields)),
    ...head,
  };
  const root = leafOf(canonical(whole));
  const text = (body ?? ((own) => `log\n1\n${own}\n`))(Buffer.from(root, 'hex').toString('base64'));
  const note = `${text}\n${(lines ?? ((own) => [log.line(log.sign(own))]))(text).join('')}`;
  const first = { bundle: 'temporal-http-tasks receipts', version: 2, section: 1, sections: 1, head: whole };
  const line = withSum({ ...first, index: 0, path: [], checkpoint: note, ...header }, canonical);
  return { text: `${line}\n${canonical({ index, fields, path: [] })}\n`, root, signed: text };
}

/** Returns a cosignature: eight bytes of time, and a signature of the time as it is said. */
function cosigned(body: string, time: Buffer, said: bigint): string {
  return witness.line(Buffer.concat([time, witness.sign(`cosignature/v1\ntime ${said}\n${body}`)]));
}

function bigEndian(time: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(time);
  return bytes;
}

const nested = (levels: number): unknown => (levels === 0 ? 'x' : [nested(levels - 1)]);

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

/** Adds the group's order to the second half of a signature, which then is the same number for careless verifiers. */
function withLargeS(signature: Buffer): Buffer {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + ORDER;
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse()]);
}

const bySmall = (y: string): { lines: (body: string) => string[]; key: string } => {
  const raw = Buffer.from(y, 'hex');
  // [0]B = R + [k]A holds for every text where R and A are the neutral element.
  const neutral = Buffer.concat([Buffer.from([1]), Buffer.alloc(31), Buffer.alloc(32)]);
  const line = `— small ${Buffer.concat([idOf('small', 1, raw), neutral]).toString('base64')}\n`;
  return { lines: (body) => [log.line(log.sign(body)), line], key: keyOf('small', 1, raw) };
};
const NEUTRAL = bySmall(`01${'00'.repeat(31)}`);
const NOT_CANONICAL = bySmall(`ee${'ff'.repeat(30)}7f`);

const ALL = Symbol('the root');
type Case = [
  what: string,
  forgery: Forgery,
  code: number,
  /** From the signed text of the checkpoint. */
  anchors?: Anchors | typeof ALL | ((signed: string) => Anchors),
];

const CASES: Case[] = [
  ...['version', 'section', 'sections', 'head', 'index', 'path', 'checkpoint'].flatMap((member) =>
    [null, true, '1', [1], { one: 1 }].map((value): Case => [
      `a header whose ${member} is ${JSON.stringify(value)}`,
      { header: { [member]: value } },
      1,
    ]),
  ),
  ['a bundle as it should be', {}, 0, { keys: [log.key] }],
  ['the same with its root', {}, 0],
  ['a signature that is there twice', { lines: (body) => Array<string>(2).fill(log.line(log.sign(body))) }, 0],
  [
    'a second signature of the key that is wrong',
    { lines: (body) => [log.line(log.sign(body)), log.line(log.sign('other'))] },
    1,
  ],
  [
    'a wrong signature of a key that nobody named',
    { lines: (body) => [log.line(log.sign(body)), other.line(log.sign('other'))] },
    0,
  ],
  [
    'a cosignature with its time, the most significant byte first',
    { lines: (body) => [log.line(log.sign(body)), cosigned(body, bigEndian(1_800_000_000n), 1_800_000_000n)] },
    0,
    { keys: [witness.key] },
  ],
  [
    'a cosignature with its time, the least significant byte first',
    {
      lines: (body) => [log.line(log.sign(body)), cosigned(body, bigEndian(1_800_000_000n).reverse(), 1_800_000_000n)],
    },
    1,
    { keys: [witness.key] },
  ],
  [
    'a cosignature of a time of 2^53 seconds',
    { lines: (body) => [log.line(log.sign(body)), cosigned(body, bigEndian(2n ** 53n), 2n ** 53n)] },
    1,
    { keys: [witness.key] },
  ],
  ['a key of another algorithm', {}, 1, { keys: [keyOf('log', 2, log.raw)] }],
  ['a key with the ID of another', {}, 1, { keys: [keyOf('log', 1, log.raw, '00000000')] }],
  ['a head whose only key is of another algorithm', { head: { keys: [keyOf('log', 2, log.raw)] } }, 1],
  ['a head whose keys are no texts', { head: { keys: [[log.key], 7, null] } }, 0],
  ['a head without keys', { head: { keys: undefined }, lines: () => [] }, 0],
  ['a head whose keys are an object', { head: { keys: { first: log.key } }, lines: () => [] }, 0],
  ['a head whose keys are no keys', { head: { keys: ['log'] } }, 1],
  ['a head without a kind', { head: { kind: undefined, workflowId: 's', runId: '' } }, 0],
  ['a head of another kind', { head: { kind: 'sweeps' } }, 1],
  ['a key whose name has a plus sign', {}, 1, { keys: [keyOf('log+log', 1, log.raw)] }],
  ['a signature under no name', { lines: (body) => [log.line(log.sign(body)), `—  ${'AAAA'.repeat(24)}\n`] }, 1],
  ['two spaces before a signature', { lines: (body) => [log.line(log.sign(body)).replace('log ', 'log  ')] }, 1],
  ['a log without a name', { head: { origin: '', keys: [] }, body: (root) => `\n1\n${root}\n`, lines: () => [] }, 1],
  [
    'a given checkpoint that the given key has signed',
    {},
    0,
    (signed) => ({
      checkpoints: [`${signed}\n${witness.line(witness.sign(''))}${other.line(other.sign(signed))}`],
      keys: [other.key],
    }),
  ],
  [
    'a given checkpoint with a wrong signature of the given key',
    {},
    1,
    (signed) => ({ checkpoints: [`${signed}\n${other.line(other.sign(`${signed} `))}`], keys: [log.key, other.key] }),
  ],
  [
    'a given checkpoint with a wrong signature of a key that only the head names',
    {},
    0,
    (signed) => ({ checkpoints: [`${signed}\n${log.line(log.sign('other'))}`] }),
  ],
  ['a signature with S beyond the order', { lines: (body) => [log.line(withLargeS(log.sign(body)))] }, 1],
  ['a key that is the neutral element', NEUTRAL, 1, { keys: [NEUTRAL.key] }],
  ['a key with y beyond the prime', NOT_CANONICAL, 1, { keys: [NOT_CANONICAL.key] }],
  ['64 levels', { head: { more: nested(62) } }, 0],
  ['65 levels', { head: { more: nested(63) } }, 1],
  ['3,000 levels', { head: { more: nested(3_000) } }, 1],
  ['the largest whole number', { head: { more: 2 ** 53 - 1 } }, 0],
  ['a larger one', { head: { more: 2 ** 53 } }, 1],
  ['a negative number', { head: { more: -1 } }, 1],
  ['a fraction', { head: { more: 1.5 } }, 1],
  ['a number with an exponent', { head: { more: 1e21 } }, 1],
  ['a field that is a fraction', { fields: [...FIELDS.slice(0, 22), 0.5] }, 1],
  ['a member that is named like a whole number', { head: { 7: 'x' } }, 1],
  ['a member without a name', { head: { '': 'x' } }, 0],
  ['true for 1', { header: { section: true } }, 1],
  [
    'lone surrogates, DEL and line separators in fields',
    { fields: ['s', '', '', '\ud800', '\udc00\ud800', '\u007f', '\u2028', '🙂', '\u0001"\\', ...FIELDS.slice(9)] },
    0,
  ],
  ['a receipt in a tree of none', { head: { receipts: 0 } }, 1],
  ['a receipt beyond the tree', { index: 1 }, 1],
  ['a head beyond the log', { header: { index: 1 } }, 1],
  ['a log without leaves', { body: (root) => `log\n0\n${root}\n` }, 1],
  ['a log of more leaves than can be counted', { body: (root) => `log\n9007199254740993\n${root}\n` }, 1],
  ['a sweep without its ID', { head: { sweepId: undefined }, fields: [null, ...FIELDS.slice(1)] }, 1],
  ['a sweep whose ID is a number', { head: { sweepId: 7 }, fields: [7, ...FIELDS.slice(1)] }, 1],
  ['a sweep whose ID is true', { head: { sweepId: true }, fields: [1, ...FIELDS.slice(1)] }, 1],
  ['a checkpoint with a lone surrogate', { body: (root) => `log\n1\n${root}\n\ud800\n` }, 1],
  ...['\u0085', '\ufeff', '\u001c', '\u3000'].map((space): Case => [
    `a signature under a name with ${JSON.stringify(space)}`,
    { lines: (body) => [log.line(log.sign(body)), `— a${space}b ${'AAAA'.repeat(24)}\n`] },
    1,
  ]),
];

const PYTHON = `
import base64, json, sys
sys.path.insert(0, sys.argv[1])
import verify
many = json.load(sys.stdin)
print(json.dumps([verify.verify(base64.b64decode(data), **anchors)["exit"] for data, anchors in many]))
`;

it('both verifiers decide alike on what libraries read differently', async () => {
  const cases = CASES.map(([what, forgery, code, anchors = ALL]) => {
    const { text, root, signed } = forged(forgery);
    const given = typeof anchors === 'function' ? anchors(signed) : anchors;
    return { what, text, code, anchors: given === ALL ? { roots: [root] } : given };
  });
  const found: unknown[] = [];
  for (const { what, text, anchors } of cases) {
    const codes = [];
    for (const crypto of [nodeCrypto, webCrypto()]) {
      const { ok, differenceCount } = await verifyBundle([text], crypto, anchors);
      codes.push(ok ? 0 : differenceCount > 0 ? 1 : 3);
    }
    found.push({ what, codes });
  }
  expect(found).toEqual(cases.map(({ what, code }) => ({ what, codes: [code, code] })));
  const input = JSON.stringify(cases.map(({ text, anchors }) => [Buffer.from(text).toString('base64'), anchors]));
  const folder = path.join(__dirname, '../../docs/evidence');
  const { stdout, stderr } = spawnSync('python3', ['-B', '-c', PYTHON, folder], { input, encoding: 'utf8' });
  expect(stderr).toBe('');
  const byPython = (JSON.parse(stdout) as number[]).map((code, index) => ({ what: cases[index]?.what, code }));
  expect(byPython).toEqual(cases.map(({ what, code }) => ({ what, code })));
});
