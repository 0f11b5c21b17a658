import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import path from 'node:path';
import { TimestampError, checkTimestamp } from '@temporal-http-tasks/cli/internal/bundle/timestamp';
import { createAuthority } from '../support/certificates';
import { OpensslAuthority } from '../support/openssl-authority';
import { timestampOf } from '../support/timestamps';
import { DATABASES, cleanUp, temporaryFolder } from '../ledger/databases';
import { BundleStage, newSealKey } from './bundle-stage';

const NOTE = 'http-tasks.ledger/1\n12\nroot\ntime 2030-01-31T12:00:00.000Z\n\n\u2014 http-tasks.ledger/1 c2ln\n';
const HOUR_MS = 3_600_000;

describe('a timestamp of a checkpoint', () => {
  const authority = createAuthority('An authority');
  const stamper = authority.certify('A clock', { stampsTime: true });
  const vouching = [new X509Certificate(authority.cert)];
  const atMs = Math.floor(Date.now() / 1_000) * 1_000;

  it('says when it existed, vouched for by the authority or by its own certificate', () => {
    const token = timestampOf(NOTE, stamper, { atMs });
    const checked = { time: new Date(atMs).toISOString(), signedBy: 'CN=A clock' };
    expect(checkTimestamp(token, ['another', NOTE], vouching)).toEqual({ ...checked, trusted: true });
    expect(checkTimestamp(token, [NOTE], [new X509Certificate(stamper.cert)])).toEqual({ ...checked, trusted: true });
    expect(checkTimestamp(token, [NOTE], [])).toEqual({ ...checked, trusted: false });
    const stranger = new X509Certificate(createAuthority('An authority').cert);
    expect(checkTimestamp(token, [NOTE], [stranger])).toEqual({ ...checked, trusted: false });
  });

  it.each([
    ['of something else', () => timestampOf(`${NOTE} `, stamper), 'it is of something else than the checkpoint'],
    [
      'by a key that is not for it',
      () => timestampOf(NOTE, authority.certify('A site')),
      'its certificate is not for timestamps',
    ],
    [
      'from after the time of its certificate',
      () => timestampOf(NOTE, stamper, { atMs: atMs + 24 * 60 * HOUR_MS }),
      'its certificate was not valid at its time',
    ],
    [
      'by another key than its certificate has',
      () => timestampOf(NOTE, { cert: stamper.cert, key: authority.key }),
      'its signature is wrong',
    ],
    ['that was cut off', () => timestampOf(NOTE, stamper).subarray(0, -1), 'it cannot be read: it is truncated'],
    [
      'with more after it',
      () => Buffer.concat([timestampOf(NOTE, stamper), Buffer.from([0])]),
      'it cannot be read: it has bytes after its end',
    ],
    ['that is none', () => Buffer.from('none'), 'it cannot be read'],
    ['that is empty', () => Buffer.alloc(0), 'it cannot be read'],
  ])('%s proves nothing', (_what, make, problem) => {
    expect(() => checkTimestamp(make(), [NOTE], vouching)).toThrow(TimestampError);
    expect(() => checkTimestamp(make(), [NOTE], vouching)).toThrow(problem);
  });

  it('proves nothing, or the same, with any byte changed', () => {
    const token = timestampOf(NOTE, stamper, { atMs });
    const whole = JSON.stringify(checkTimestamp(token, [NOTE], vouching));
    for (let at = 0; at < token.length; at += 1) {
      const changed = Buffer.from(token);
      changed.writeUInt8((token[at] ?? 0) ^ 1, at);
      let result: string;
      try {
        result = JSON.stringify(checkTimestamp(changed, [NOTE], vouching));
      } catch (error) {
        expect(error).toBeInstanceOf(TimestampError);
        continue;
      }
      expect(result).toBe(whole);
    }
  });
});

const PYTHON = `
import base64, json, sys
sys.path.insert(0, sys.argv[1])
import timestamp
many = json.load(sys.stdin)
print(json.dumps([timestamp.verify(base64.b64decode(one), text.encode(), pems) for one, text, pems in many]))
`;

type Given = [response: Buffer, text: string, certificates: string[]];

/** The results of docs/evidence/timestamp.py, in one process. */
function byPython(many: readonly Given[]): { exit: number; time?: string; trusted?: boolean; problem?: string }[] {
  const input = JSON.stringify(many.map(([response, ...rest]) => [response.toString('base64'), ...rest]));
  const folder = path.join(__dirname, '../../docs/evidence');
  const { stdout, stderr, status } = spawnSync('python3', ['-B', '-c', PYTHON, folder], { input, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as ReturnType<typeof byPython>;
}

/** The exit code that a check of the command line's means. */
function byNode([response, text, certificates]: Given): { exit: number; time?: string } {
  try {
    const trusted = certificates.map((pem) => new X509Certificate(pem));
    const { time, trusted: isTrusted } = checkTimestamp(response, [text], trusted);
    return { exit: isTrusted ? 0 : certificates.length > 0 ? 1 : 3, time };
  } catch (error) {
    expect(error).toBeInstanceOf(TimestampError);
    return { exit: 1 };
  }
}

describe.each(['RSA', 'ECDSA'] as const)('a timestamp by an authority of OpenSSL with %s', (kind) => {
  let authority: OpensslAuthority;
  let note: string;

  beforeAll(async () => {
    authority = new OpensslAuthority(temporaryFolder(), kind);
    const url = (await DATABASES[0]?.freshUrl()) ?? '';
    ({ checkpoint: note } = await (await BundleStage.open(url, newSealKey())).ofSweep('first'));
  });
  afterAll(cleanUp);

  it.each(['sha256', 'sha384', 'sha512'])('with %s is accepted by every verifier', (digest) => {
    const before = Math.floor(Date.now() / 1_000) * 1_000;
    const given: Given = [authority.stamp(note, digest), note, [authority.certificate]];
    const { exit, time = '' } = byNode(given);
    expect(exit).toBe(0);
    expect(Date.parse(time)).toBeGreaterThanOrEqual(before);
    expect(byPython([given])).toMatchObject([{ exit: 0, trusted: true }]);
    expect(Date.parse(byPython([given])[0]?.time ?? '')).toBe(Date.parse(time));
    expect(authority.accepts(given[0], note)).toBe(true);
  });

  it('is accepted without a certificate of the authority, and is not vouched for', () => {
    const given: Given = [authority.stamp(note), note, []];
    expect(byNode(given)).toMatchObject({ exit: 3 });
    expect(byPython([given])).toMatchObject([{ exit: 3, trusted: false }]);
  });

  it('proves nothing about another text, with SHA-1, or for another authority', () => {
    const stranger = new OpensslAuthority(temporaryFolder(), kind);
    const trusted = [authority.certificate];
    const wrong: Given[] = [
      [authority.stamp(note), note.replace('time 2', 'time 3'), trusted],
      [authority.stamp(`${note}\n`), note, trusted],
      [authority.stamp(note, 'sha1'), note, trusted],
      [authority.stamp(note), note, [stranger.certificate]],
      [stranger.stamp(note), note, trusted],
    ];
    expect(wrong.map(byNode).map(({ exit }) => exit)).toEqual(wrong.map(() => 1));
    expect(byPython(wrong).map(({ exit }) => exit)).toEqual(wrong.map(() => 1));
    // OpenSSL accepts SHA-1.
    const accepted = wrong.map(([response, text, [certificate]]) => authority.accepts(response, text, certificate));
    expect(accepted).toEqual([false, false, true, false, false]);
  });

  it('proves nothing, or the same, with any byte changed, for both verifiers alike', () => {
    const response = authority.stamp(note);
    const changed = Array.from({ length: response.length }, (_, at): Given => {
      const copy = Buffer.from(response);
      copy.writeUInt8((response[at] ?? 0) ^ 1, at);
      return [copy, note, [authority.certificate]];
    });
    const { time = '' } = byNode([response, note, [authority.certificate]]);
    const found = changed.map(byNode);
    expect(found.filter(({ exit }) => exit === 0).every((one) => one.time === time)).toBe(true);
    expect(found.filter(({ exit }) => exit === 1).length).toBeGreaterThan(response.length * 0.9);
    const python = byPython(changed).map(({ exit }, at) => ({ at, exit }));
    expect(python).toEqual(found.map(({ exit }, at) => ({ at, exit })));
  });
});
