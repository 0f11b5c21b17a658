import { isAtLeast, parseTemporalVersion } from '@temporal-http-tasks/testing/internal/temporal-server/version';

it('reads CLI and server version from what the CLI prints', () => {
  expect(parseTemporalVersion('temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)\n')).toEqual({
    cli: '1.9.1',
    server: '1.32.0',
  });
  expect(parseTemporalVersion('temporal version 1.10.0-rc.2 (Server 1.33.0-rc.1, UI 2.60.0)')).toEqual({
    cli: '1.10.0',
    server: '1.33.0',
  });
});

it.each(['', 'temporal version DEV', 'tctl version 1.18.0', 'temporal version 1.9.1'])(
  'does not take %j for a version',
  (output) => {
    expect(parseTemporalVersion(output)).toBeUndefined();
  },
);

it.each([
  ['1.32.0', '1.32.0', true],
  ['1.32.1', '1.32.0', true],
  ['1.100.0', '1.32.0', true],
  ['2.0.0', '1.32.0', true],
  ['1.9.9', '1.32.0', false],
  ['1.31.9', '1.32.0', false],
  ['0.99.0', '1.32.0', false],
])('compares number by number: %s at least %s is %s', (version, minimum, expected) => {
  expect(isAtLeast(version, minimum)).toBe(expected);
});
