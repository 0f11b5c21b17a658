import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { load } from 'js-yaml';
import { readProvider } from '@temporal-http-tasks/openapi';
import { ProviderError } from 'temporal-http-tasks';
import { readProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import { servicePlace } from 'temporal-http-tasks/internal/config/service-settings';
import { readSteps } from 'temporal-http-tasks/internal/providers/plan-provider';
import { changed, libraryDocument, LIBRARY, problemsOf, writeProvider } from './provider-files';

it.each<[string, Record<string, string>, boolean]>([
  ['the default environment', {}, false],
  ['one with data of real people', { CITY_LIBRARY_ENV: 'live' }, true],
  [
    'that one at an address of this machine',
    { CITY_LIBRARY_ENV: 'live', CITY_LIBRARY_BASE_URL: 'http://127.0.0.1:4030' },
    false,
  ],
  ['an address of this machine', { CITY_LIBRARY_BASE_URL: 'http://localhost:4030' }, false],
  ['the address of a listed environment', { CITY_LIBRARY_BASE_URL: 'https://api.library.example/v2' }, true],
  ['the address of one for tests', { CITY_LIBRARY_BASE_URL: 'https://test.library.example/v2' }, false],
  ['an address that is not listed', { CITY_LIBRARY_BASE_URL: 'https://eu.library.example' }, true],
  ['the same, called a test', { CITY_LIBRARY_ENV: 'test', CITY_LIBRARY_BASE_URL: 'https://eu.library.example' }, false],
])(
  'whether it is production follows from the address, as for imported services: %s',
  async (_name, env, production) => {
    const { service } = await readProvider(writeProvider(LIBRARY));
    const place = servicePlace(env, service);
    expect(place.production).toBe(production);
    // IDs are hashed with the environment, which an address does not change.
    expect(place.environment).toBe(env['CITY_LIBRARY_ENV'] ?? 'test');
  },
);

describe('a provider file with everything in it', () => {
  it('is read, with steps of all four kinds', async () => {
    const { provider, simulated, skipped } = await readProviderFile(writeProvider(LIBRARY));
    const { steps, problems } = readSteps(provider, provider.steps({ keys: [''], options: {} }));
    expect(problems).toEqual([]);
    expect(steps.map(({ planned, optional }) => [planned.step, planned.kind, planned.ids, optional])).toEqual([
      ['cityLibrary.loans', 'list', ['memberId'], false],
      ['cityLibrary.member', 'once', ['memberId'], false],
      ['cityLibrary.cards', 'once', ['cards'], false],
      ['cityLibrary.erasure', 'request', ['personId'], false],
      ['cityLibrary.shelf', 'manual', [], true],
    ]);
    expect(steps[1]!.planned).toMatchObject({
      look: { lagMs: 10_000 },
      act: { input: { member: { $number: '${memberId}' } } },
      bulk: { input: { members: { each: '${ids}', as: { id: { $number: '${id}' } } } } },
    });
    expect(Object.fromEntries(simulated)).toEqual({ deleteMember: { status: 204 } });
    expect([...skipped.keys()]).toEqual(['createStaff']);
  });

  it('believes the file and nothing that the document says about servers, tokens, effects and names', async () => {
    const { name, title, service, tasks } = await readProvider(writeProvider(LIBRARY));
    expect([name, title, service.title]).toEqual(['cityLibrary', 'City Library', 'City Library']);
    expect(service).toMatchObject({
      environments: { test: 'https://test.library.example/v1', live: 'https://api.library.example/v1' },
      defaultEnvironment: 'test',
      productionEnvironments: ['live'],
      environmentSetting: 'CITY_LIBRARY_ENV',
      baseUrlSetting: 'CITY_LIBRARY_BASE_URL',
      rateLimits: [{ requestsPerMinute: 600, per: 'key', source: 'https://library.example/limits' }],
      errors: {
        fields: { code: 'errors.code', requestId: 'meta.request' },
        rules: [
          { status: 409, code: 'locked', failure: 'Task.Unavailable' },
          { code: '4711', failure: 'Task.Unavailable', mayHaveProcessed: true, advice: 'Ask the library.' },
        ],
      },
    });
    expect(service.imported).toBeUndefined();
    expect(JSON.stringify([service, tasks])).not.toContain('attacker');
    const task = (operation: string) => tasks.find((one) => one.operation === operation)!;
    expect(task('getMember')).toMatchObject({ effect: 'read', absentCodes: ['no_member'], absentStatuses: [404] });
    expect(task('deleteMember')).toMatchObject({
      effect: 'irreversible',
      answerMeans: 'removed',
      subjectFields: ['member'],
      credentials: [{ setting: 'LIBRARY_KEY', in: 'header', name: 'x-library-key' }],
    });
    expect(task('voidCard')).toMatchObject({ effect: 'repeatSafe', settle: { by: 'repeat' }, absentStatuses: [410] });
    // A field's name looks like a token, and the file says that the ID in it is none.
    expect(task('voidCard').sensitive).toEqual([]);
    expect(task('fileErasure')).toMatchObject({
      settle: { by: 'resend' },
      answerMeans: 'accepted',
      credentials: [
        {
          setting: 'LIBRARY_CLIENT_SECRET',
          clientCredentials: {
            tokenUrl: 'https://login.library.example/token',
            clientIdSetting: 'LIBRARY_CLIENT_ID',
            scope: 'erase',
          },
        },
      ],
    });
  });

  it('is the same as JSON, also when that is indented with tabs', async () => {
    const json = JSON.stringify(load(LIBRARY), undefined, '\t');
    const provider = await readProvider(writeProvider(json, undefined, 'library.provider.json'));
    expect(provider.steps({ keys: [''], options: {} })).toHaveLength(5);
  });

  it('says in needs what the calls of a step cannot do without, where the file does not', async () => {
    const provider = await readProvider(
      writeProvider(changed('    only: loanIds\n', '').replace('needs: [memberId]', 'optional: false')),
    );
    const needs = provider.steps({ keys: [''], options: {} }).map((step) => step.needs);
    expect(needs).toEqual([['memberId'], ['memberId'], undefined, ['personId'], undefined]);
  });

  it('takes a cursor that is a number, and wants its first value where the first page needs one', async () => {
    const text = changed('listLoans: {', 'listLoans: { effect: read,');
    const withCursor = (required: string[]) => {
      const document = libraryDocument();
      const { '/members/{member}/loans': loans } = document.paths as Record<string, { get: Record<string, unknown> }>;
      const { get, ...rest } = loans!;
      const schema = { type: 'object', required, properties: { cursor: { type: 'integer' } } };
      const post = {
        ...get,
        parameters: [{ name: 'member', in: 'path', required: true, schema: { type: 'integer' } }],
        requestBody: { required: true, content: { 'application/json': { schema } } },
      };
      Object.assign(document.paths as object, { '/members/{member}/loans': { ...rest, post } });
      return document;
    };
    expect(await problemsOf(text, withCursor([]))).toEqual([]);
    const provider = await readProvider(writeProvider(text, withCursor([])));
    const [loans] = readSteps(provider, provider.steps({ keys: [''], options: {} })).steps;
    expect(loans!.planned).toMatchObject({ look: { next: { path: 'data.next', cursor: 'cursor', number: true } } });
    expect(await problemsOf(text, withCursor(['cursor']))).toEqual([
      expect.stringMatching(/look.input: cityLibrary.listLoans requires the field cursor, also on the first page/),
    ]);
    expect(
      await problemsOf(
        text.replace('input: { member: "${memberId}" }, items', 'input: { member: "${memberId}", cursor: 0 }, items'),
        withCursor(['cursor']),
      ),
    ).toEqual([]);
  });

  it('takes parameters that are the same in every call from settings, and the token of a task from its path', async () => {
    const text = changed('errors:', 'parameters: { card_token: LIBRARY_CARD }\nerrors:')
      .replace(/ {2}- step: cards[^]*?(?= {2}- step: erasure)/, '')
      .replace('voidCard: { effect', 'voidCard: { token: data.id, effect');
    const { tasks, service } = await readProvider(writeProvider(text));
    const voidCard = tasks.find(({ operation }) => operation === 'voidCard')!;
    expect(voidCard).toMatchObject({
      tokenField: 'data.id',
      credentials: [{ setting: 'LIBRARY_KEY' }, { setting: 'LIBRARY_CARD', in: 'path', name: 'card_token' }],
    });
    expect(voidCard.input.safeParse({}).success).toBe(true);
    expect(service.credentials.map(({ setting }) => setting)).toContain('LIBRARY_CARD');
  });

  it('sends every key where the document says nothing about signing in, and none where it says that none is needed', async () => {
    const { security: _, ...silent } = libraryDocument();
    const text = changed(/\n {2}adminClient:\n(?: {4}.*\n)+/, '\n').replace(
      / {2}- step: erasure[^]*?(?= {2}- step: shelf)/,
      '',
    );
    const withKey = await readProvider(writeProvider(text, silent));
    const without = await readProvider(writeProvider(text, { ...silent, security: [] }));
    const keys = (tasks: typeof withKey.tasks) =>
      tasks.find(({ operation }) => operation === 'deleteMember')!.credentials!.map(({ setting }) => setting);
    expect(keys(withKey.tasks)).toEqual(['LIBRARY_KEY']);
    expect(keys(without.tasks)).toEqual([]);
  });
});

it('a damaged file is read or refused with file and message, and never anything else', async () => {
  const file = writeProvider(LIBRARY);
  const whole = load(LIBRARY) as object;
  const outcome = async (text: string): Promise<void> => {
    writeFileSync(file, text);
    try {
      await readProvider(file);
    } catch (error) {
      expect(error).toBeInstanceOf(ProviderError);
      const { problems } = error as ProviderError;
      expect(problems.length).toBeGreaterThan(0);
      for (const problem of problems) {
        expect(problem.file).toBe(file);
        expect(problem.message).not.toMatch(/undefined|\[object|NaN/);
      }
    }
  };
  const places = placesIn(whole);
  const damage = fc.record({
    place: fc.constantFrom(...places),
    value: fc.option(fc.jsonValue({ maxDepth: 2 })),
    drop: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 3 }), (all) =>
      outcome(JSON.stringify(all.reduce((value, one) => damaged(value, one.place, one), whole))),
    ),
    { numRuns: 120, examples: [[[{ place: ['steps', 0], value: {}, drop: false }]]] },
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(LIBRARY.length), fc.string(), (at, text) => outcome(LIBRARY.slice(0, at) + text)),
    { numRuns: 60 },
  );
});

type Path = readonly (string | number)[];

/** Every place in a value. */
function placesIn(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries = Array.isArray(value) ? value.map((one, index) => [index, one] as const) : Object.entries(value);
  return [path, ...entries.flatMap(([key, inner]) => placesIn(inner, [...path, key]))].filter(
    ({ length }) => length > 0,
  );
}

/** The value without what is at a place, or with something else there. */
function damaged(value: unknown, [key, ...rest]: Path, by: { value: unknown; drop: boolean }): object {
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }) as Record<
    string | number,
    unknown
  >;
  if (key === undefined || !(key in copy)) return copy;
  if (rest.length > 0 && typeof copy[key] === 'object' && copy[key] !== null) copy[key] = damaged(copy[key], rest, by);
  else if (by.drop) delete copy[key];
  else copy[key] = by.value;
  return copy;
}
