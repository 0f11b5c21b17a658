import { X509Certificate } from 'node:crypto';
import { TimestampError, checkTimestamp } from '@temporal-http-tasks/cli/internal/bundle/timestamp';
import { createAuthority } from '../support/certificates';
import { timestampOf } from '../support/timestamps';

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
