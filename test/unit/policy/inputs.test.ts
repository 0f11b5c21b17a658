import fc from 'fast-check';
import { fillCompensationInput } from 'temporal-http-tasks/internal/policy/compensation-log';
import { deadlineAtMs, deadlineText, DEFAULT_DEADLINE_MS } from 'temporal-http-tasks/internal/policy/deadline';
import { offboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import { InvalidInputError, parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';

describe('a deadline', () => {
  const START = Date.parse('2030-01-01T00:00:00Z');
  const SECOND = 1_000;
  const DAY = 86_400 * SECOND;

  it.each([
    ['250ms', 250],
    ['90s', 90 * SECOND],
    ['1 second', SECOND],
    ['30 minutes', 1_800 * SECOND],
    ['5m', 300 * SECOND],
    ['2h', 7_200 * SECOND],
    ['12 hours', 43_200 * SECOND],
    ['1d', DAY],
    ['7 days', 7 * DAY],
    ['0s', 0],
  ])('"%s" is so long after the start', (text, ms) => {
    expect(deadlineText.safeParse(text).success).toBe(true);
    expect(deadlineAtMs(text, START)).toBe(START + ms);
  });

  it.each([
    ['2030-01-31T12:00:00Z', Date.UTC(2030, 0, 31, 12)],
    ['2030-01-31T12:00:00.250Z', Date.UTC(2030, 0, 31, 12, 0, 0, 250)],
    ['2030-01-31T12:00:00+02:00', Date.UTC(2030, 0, 31, 10)],
    ['2020-01-01T00:00:00Z', Date.UTC(2020, 0, 1)],
  ])('"%s" is that moment', (text, atMs) => {
    expect(deadlineText.safeParse(text).success).toBe(true);
    expect(deadlineAtMs(text, START)).toBe(atMs);
  });

  it('is seven days after the start unless given', () => {
    expect(deadlineAtMs(undefined, START)).toBe(START + 7 * DAY);
    expect(DEFAULT_DEADLINE_MS).toBe(7 * DAY);
  });

  it.each(['3654 days', '999999999d', '100000000 days', '9999-12-31T23:59:59Z'])('"%s" is too far away', (text) => {
    expect(deadlineText.safeParse(text).error?.issues.map(({ message }) => message)).toEqual([
      'must be at most ten years from now (3653 days)',
    ]);
  });

  it('of every accepted text is a moment that can be written', () => {
    const amount = fc.integer({ min: 0, max: 999_999_999 });
    const unit = fc.constantFrom('ms', 's', 'seconds', 'm', 'minutes', 'h', 'hours', 'd', 'days');
    const moment = fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31T23:59:59Z') })
      .map((date) => date.toISOString());
    fc.assert(
      fc.property(
        fc.oneof(
          fc.tuple(amount, unit).map(([count, name]) => `${count} ${name}`),
          moment,
        ),
        (text) => {
          fc.pre(deadlineText.safeParse(text).success);
          const now = Date.now();
          expect(new Date(deadlineAtMs(text, now)).getTime()).toBeLessThanOrEqual(now + 3_653 * DAY);
        },
      ),
    );
  });

  it.each([
    '',
    ' ',
    'soon',
    '7',
    '-1s',
    '1.5h',
    '1 week',
    '7days ',
    '2030-01-31',
    '2030-01-31T12:00:00',
    '2030-02-31T12:00:00Z',
    '9999999999s',
  ])('"%s" is refused with what is allowed', (text) => {
    expect(deadlineText.safeParse(text).error?.issues[0]?.message).toMatch(/duration such as "90s".*moment such as/);
  });
});

describe('the input of offboardUser', () => {
  const GOOD = { user: { plaidUserId: 'usr_1', batchUserId: 'alice' }, reason: { code: 'USER_OFFBOARDING' } };

  function fieldRefused(input: unknown): { field: string; message: string } {
    try {
      parseInput('offboardUser', offboardUserInput, input);
    } catch (error) {
      if (error instanceof InvalidInputError) return { field: error.field, message: error.message };
      throw error;
    }
    throw new Error('The input was accepted.');
  }

  it.each<[string, unknown]>([
    ['both ids', GOOD],
    ['an id of Batch alone', { ...GOOD, user: { batchUserId: 'alice' } }],
    ['a token of Plaid', { ...GOOD, user: { plaidUserToken: 'user-sandbox-1' } }],
    [
      'every field',
      {
        user: { plaidUserId: 'usr_1', batchUserId: 'alice', reference: 'case 7' },
        reason: { code: 'OTHER', note: 'closed the account on 2026-01-31' },
        itemIds: ['a'],
        onFailure: 'stop',
        deadline: '7 days',
        dryRun: true,
        notFoundIsFine: true,
        exclude: ['plaid.products'],
        plaid: { removeUser: true },
        batch: { mode: 'gdpr' },
        compensation: { task: 'http.request', input: { uri: 'https://desk.example.com/' } },
      },
    ],
  ])('takes %s', (_what, input) => {
    expect(parseInput('offboardUser', offboardUserInput, input)).toEqual(input);
  });

  it.each<[string, unknown, string]>([
    ['nobody', { ...GOOD, user: {} }, 'user'],
    ['only a reference', { ...GOOD, user: { reference: 'case 7' } }, 'user'],
    ['both ids of Plaid', { ...GOOD, user: { plaidUserId: 'u', plaidUserToken: 't' } }, 'user.plaidUserToken'],
    ['an empty id of Plaid', { ...GOOD, user: { plaidUserId: '' } }, 'user.plaidUserId'],
    ['an empty id of Batch', { ...GOOD, user: { batchUserId: '' } }, 'user.batchUserId'],
    ['an id of Batch that is too long', { ...GOOD, user: { batchUserId: 'x'.repeat(1_024) } }, 'user.batchUserId'],
    ['half a surrogate pair', { ...GOOD, user: { batchUserId: 'a\ud800' } }, 'user.batchUserId'],
    ['a number for an id', { ...GOOD, user: { batchUserId: 7 } }, 'user.batchUserId'],
    ['a misspelt id', { ...GOOD, user: { plaidUserId: 'u', batchUserID: 'alice' } }, 'user.batchUserID'],
    ['no reason', { user: GOOD.user }, 'reason'],
    ['an unknown reason', { ...GOOD, reason: { code: 'BORED' } }, 'reason.code'],
    ['a reason that is for Items only', { ...GOOD, reason: { code: 'CONNECTION_IS_NON_FUNCTIONAL' } }, 'reason.code'],
    [
      'a note with an e-mail address',
      { ...GOOD, reason: { code: 'OTHER', note: 'mail alice@example.com' } },
      'reason.note',
    ],
    [
      'a note with a phone number',
      { ...GOOD, reason: { code: 'OTHER', note: 'call +1 (555) 123-4567' } },
      'reason.note',
    ],
    ['a note that is too long', { ...GOOD, reason: { code: 'OTHER', note: 'x'.repeat(513) } }, 'reason.note'],
    ['no Items', { ...GOOD, itemIds: [] }, 'itemIds'],
    ['an empty Item', { ...GOOD, itemIds: ['a', ''] }, 'itemIds.1'],
    ['Items without a user of Plaid', { ...GOOD, user: { batchUserId: 'alice' }, itemIds: ['a'] }, 'itemIds'],
    ['an unknown way to fail', { ...GOOD, onFailure: 'explode' }, 'onFailure'],
    ['a deadline nobody understands', { ...GOOD, deadline: 'soon' }, 'deadline'],
    ['a deadline in more than ten years', { ...GOOD, deadline: '3654 days' }, 'deadline'],
    ['a moment in more than ten years', { ...GOOD, deadline: '9999-12-31T23:59:59Z' }, 'deadline'],
    ['a step without its provider', { ...GOOD, exclude: ['items'] }, 'exclude.0'],
    ['a text for a switch', { ...GOOD, dryRun: 'true' }, 'dryRun'],
    ['an unknown mode', { ...GOOD, batch: { mode: 'all' } }, 'batch.mode'],
    ['an unknown field', { ...GOOD, dry: true }, 'dry'],
    ['an unknown field of plaid', { ...GOOD, plaid: { removeuser: true } }, 'plaid.removeuser'],
    ['a compensation without a task', { ...GOOD, compensation: { input: {} } }, 'compensation.task'],
    ['nothing', undefined, ''],
    ['a list', [GOOD], ''],
  ])('with %s is refused, naming the field', (_what, input, field) => {
    expect(fieldRefused(input).field).toBe(field);
  });

  it('that is refused is not repeated in the message, since it may hold an id', () => {
    const { message } = fieldRefused({
      ...GOOD,
      user: { plaidUserId: 'usr_secret', plaidUserToken: 'token_secret' },
      reason: { code: 'BORED' },
    });
    expect(message).not.toMatch(/usr_secret|token_secret/);
  });

  it('keeps every id of Batch exactly as it is given', () => {
    const id = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 200 })
      .filter((text) => !/\p{Surrogate}/u.test(text));
    fc.assert(
      fc.property(
        fc.oneof(id, fc.constantFrom(' padded ', 'UPPER', '.', '..', 'a/b', 'a?b', '%2F', '-x', '7', 'ünï', '\t')),
        (batchUserId) => {
          const parsed = parseInput('offboardUser', offboardUserInput, { ...GOOD, user: { batchUserId } });
          expect(parsed.user.batchUserId).toBe(batchUserId);
        },
      ),
    );
  });
});

describe('the input of a compensation task', () => {
  const LOG = { status: 'partial' };

  it.each<[string, unknown, unknown]>([
    ['in a field', { body: '{{offboarding}}' }, { body: LOG }],
    ['deep inside', { body: { fields: [{ value: '{{offboarding}}' }] } }, { body: { fields: [{ value: LOG }] } }],
    ['more than once', { a: '{{offboarding}}', b: ['{{offboarding}}'] }, { a: LOG, b: [LOG] }],
  ])('gets the log where the placeholder is: %s', (_where, input, filled) => {
    expect(fillCompensationInput({ task: 'desk.ticketCreate', input }, LOG)).toEqual(filled);
  });

  it('keeps a text that only holds the placeholder among others', () => {
    const input = { title: 'log: {{offboarding}}' };
    expect(fillCompensationInput({ task: 'desk.ticketCreate', input }, LOG)).toEqual(input);
  });

  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['without a body', { uri: 'https://x.example' }, { uri: 'https://x.example', body: { offboarding: LOG } }],
    ['with an object as body', { body: { title: 'help' } }, { body: { title: 'help', offboarding: LOG } }],
    ['with a list as body, which has no place for it', { body: ['help'] }, { body: ['help'] }],
    ['with a text as body, which has no place for it', { body: 'help' }, { body: 'help' }],
    ['with the placeholder', { body: { log: '{{offboarding}}' } }, { body: { log: LOG } }],
  ])('of http.request %s gets it as a field of the body', (_how, input, filled) => {
    expect(fillCompensationInput({ task: 'http.request', input }, LOG)).toEqual(filled);
  });

  it('of any other task gets nothing that was not asked for', () => {
    expect(fillCompensationInput({ task: 'desk.ticketCreate', input: { title: 'help' } }, LOG)).toEqual({
      title: 'help',
    });
    expect(fillCompensationInput({ task: 'desk.ticketCreate' }, LOG)).toEqual({});
  });

  it('is not changed in place', () => {
    const input = { body: { log: '{{offboarding}}' } };
    fillCompensationInput({ task: 'http.request', input }, LOG);
    expect(input).toEqual({ body: { log: '{{offboarding}}' } });
  });
});
